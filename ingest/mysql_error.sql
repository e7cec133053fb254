-- title:  MySQL and MariaDB: error log, deadlocks
-- files:  mysql*, mariadb*, *innodb*, *deadlock*, *.err
-- sniff:  T\d\d:\S+ \d+ \d+ \d+ \w|^[-\d]+[T ]+\S+ \d+ \[[NWES]|^[-\d]+ [:\d]+ (0x|\d{9})|"err_c
-- covers: fleet
-- record: ^(\S+ )?\d{4}-\d\d-\d\dT\d|^\d{4}-\d\d-\d\d +\d+:|^\{|^##
-- skip:   ^(##|-{3}|\*{9}|={5}|server +ts |\s*$)
--
-- Three shapes. The error log: MySQL 8 (`… 0 [Note] [MY-012468] [InnoDB] text`), 5.7 (`… 0 [Note]
-- InnoDB: text`), MariaDB (`2026-03-10  9:13:04 0 [Note] …`, local time: give `--zone`) and
-- `log_sink_json`. `SHOW ENGINE INNODB STATUS`: a row for the monitor and one for its latest
-- deadlock. pt-deadlock-logger: a row for each transaction of a deadlock.
--
-- `kind` says what a row is of. A deadlock has one row of kind `deadlock`: count those. In the
-- error log (`innodb_print_all_deadlocks`) it is the line that announces the dump; the blocks of
-- the dump follow within milliseconds as `deadlock_part` and say table, statement and, last, the
-- victim. In the status, and in pt's row of the victim, the `deadlock` row says these itself.
-- Several tables are in alphabetical order, several statements in that of the transactions.
--
-- Lines without a time continue the message before. A lock wait that ran into its timeout is not
-- in MySQL's log at all: only its client hears of it. A database's log is about no host: `host`
-- is NULL.
--
with
    cut as (
        -- time, thread, [level], and in MySQL 8 [code] [subsystem]
        select
            *,
            case
                when starts_with(text, '{')
                then try(from_json(text, '{"time": "VARCHAR", "msg": "VARCHAR", "label": "VARCHAR",
                              "err_code": "BIGINT", "err_symbol": "VARCHAR",
                              "SQL_state": "VARCHAR", "subsystem": "VARCHAR", "thread": "BIGINT"}'))
            end as j,
            case
                when not starts_with(text, '{')
                then
                    regexp_extract(
                        text,
                        '^((\d{4}-\d\d-\d\d[T ]+\d+:\d\d:\d\d\S*) +(\d+) \[(\w+)\] ?'
                        || '(?:\[(MY-\d+)\] \[(\w+)\] ?|(InnoDB): ?)?)',
                        ['all', 'time', 'thread', 'label', 'code', 'subsystem', 'innodb']
                    )
            end as entry,
            case
                when not starts_with(text, '{') and entry['all'] = ''
                then
                    regexp_extract(
                        text,
                        '^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) +(0x[0-9a-f]+|\d+)( INNODB MONITOR)?',
                        ['time', 'thread', 'monitor']
                    )
            end as status,
            case
                when not starts_with(text, '{') and entry['all'] = '' and status['time'] = ''
                then
                    regexp_extract(
                        text,
                        '(?s)^(?:(\S+) +)?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) +'
                        || '(\d+) +(\d+) +(\d+) +(.*?) '
                        || '+(RECORD|TABLE) (\S+) ([a-z*]+) ([01]) (.*)$',
                        [
                            'server',
                            'time',
                            'thread',
                            'trx',
                            'seconds',
                            'names',
                            'lock',
                            'mode',
                            'wait',
                            'victim',
                            'statement'
                        ]
                    )
            end as pt
        from records
    ),
    worded as (
        select
            *,
            case
                when j.msg is not null
                then j.msg
                when entry.all <> ''
                then trim(text[length(entry.all) + 1:], chr(10) || chr(13) || ' ')
                when status.time <> ''
                then
                    trim(text[length(status.time || status.thread) + 2:], chr(10) || chr(13) || ' ')
            end as words,
            status.time <> '' and contains(text, '*** (1) TRANSACTION') as is_status_deadlock,
            starts_with(words, '***') and coalesce(status.time, '') = '' as is_part,
            string_split_regex(pt.names, '\s+') as names
        from cut
    ),
    dumped as (
        -- what names transactions, locks and statements; a status has other sections behind it
        select
            *,
            case
                when is_part
                then words
                when is_status_deadlock
                then split_part(words, chr(10) || '--------', 1)
                when status.monitor <> '' and contains(words, 'FOR THIS LOCK TO BE GRANTED')
                then words
            end as dump
        from worded
    ),
    told as (
        select
            *,
            coalesce(words, nullif(pt.statement, '')) as message,
            coalesce(
                nullif(pt.statement, ''),
                nullif(
                    array_to_string(
                        list_filter(
                            list_transform(
                                regexp_extract_all(
                                    dump,
                                    '(?s)(?:MySQL|MariaDB) thread id [^\n]*\n(.*?)'
                                    || '(?:\n\*\*\*|\n-{3}|\nRECORD LOCKS|\nTABLE LOCK|\n\n|\z)',
                                    1
                                ),
                                lambda found:trim(found, chr(10) || chr(13) || ' ')
                            ),
                            lambda found:found <> ''
                        ),
                        ';' || chr(10)
                    ),
                    ''
                )
            ) as statement
        from dumped
    ),
    tabled as (
        -- a lock names its table; where none is named, a statement does
        select
            *,
            list_transform(
                coalesce(
                    nullif(regexp_extract_all(dump, '(?i)table (`[^`]+`\.`[^`]+`)', 1), []),
                    regexp_extract_all(
                        statement,
                        '(?im)^(?:update|(?:insert|insert ignore|replace) into|delete from) +'
                        || '([\w.`]+)',
                        1
                    )
                ),
                lambda found:replace(found, '`', '')
            ) as tables
        from told
    )
select
    time_in_zone(
        coalesce(j.time, nullif(entry.time, ''), nullif(status.time, ''), nullif(pt.time, '')),
        getvariable('zone')
    ) as ts,
    cast(null as varchar) as host,
    coalesce(nullif(pt.server, ''), emitter) as emitter,
    case
        lower(coalesce(j.label, entry.label))
        when 'error'
        then 'error'
        when 'warning'
        then 'warn'
        when 'note'
        then 'notice'
        when 'system'
        then 'notice'
    end as level,
    'mysqld' as process,
    message,
    file,
    line,
    coalesce(
        j.thread,
        try_cast(entry.thread as bigint),
        try_cast(pt.thread as bigint),
        try_cast(regexp_extract(dump, '(?:MySQL|MariaDB) thread id (\d+)', 1) as bigint)
    ) as thread_id,
    coalesce(
        'MY-' || lpad(cast(j.err_code as varchar), 6, '0'), nullif(entry.code, '')
    ) as error_code,
    coalesce(
        j.subsystem,
        nullif(entry.subsystem || entry.innodb, ''),
        if(dump is not null or pt.statement <> '', 'InnoDB', null)
    ) as subsystem,
    case
        when pt.victim = '1' or is_status_deadlock or message like 'Transactions deadlock detected%'
        then 'deadlock'
        when pt.victim = '0' or is_part
        then 'deadlock_part'
        when message like 'Lock wait timeout exceeded%' or dump is not null
        then 'lock_wait'
        when message ilike '%semaphore wait%'
        then 'semaphore_wait'
        when status.monitor <> ''
        then 'monitor'
        when
            message like 'Aborted connection%' or message like 'Got an error reading communication%'
        then 'aborted_connection'
        when message like '%Too many connections%'
        then 'too_many_connections'
        when message like '%ready for connections%'
        then 'startup'
        when message like '%hutdown complete%' or message like '%Received SHUTDOWN%'
        then 'shutdown'
        when message like '%got signal%' or message ilike '%assertion failure%'
        then 'crash'
    end as kind,
    coalesce(names[-3], nullif(split_part(tables[1], '.', -2), '')) as database,
    coalesce(
        names[-2],
        nullif(
            array_to_string(
                list_sort(list_distinct(list_transform(tables, lambda t:split_part(t, '.', -1)))),
                ', '
            ),
            ''
        )
    ) as table_name,
    statement,
    coalesce(
        names[-1], nullif(regexp_extract(dump, ' index `?(\w+)`? of table', 1), '')
    ) as index_name,
    coalesce(
        nullif(pt.lock || ' ' || pt.mode, ' '),
        nullif(regexp_extract(dump, '(?:lock_mode|lock mode) ([^\n]*)', 1), '')
    ) as lock_mode,
    if(
        is_part, try_cast(regexp_extract(dump, '^\*\*\* \((\d+)\)', 1) as bigint), null
    ) as transaction,
    try_cast(regexp_extract(dump, 'WE ROLL BACK TRANSACTION \((\d+)\)', 1) as bigint) as victim
from tabled
