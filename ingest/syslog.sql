-- title:   syslog: RFC 3164, RFC 5424, ISO times of rsyslog, macOS install.log
-- files:   syslog*, messages*, system.log*, install.log*, auth.log*, daemon.log*, kern.log*
-- sniff:   ^(\d+ )?<\d+>|^[A-Z][a-z]{2} [ \d]\d \d\d:|^[-\d]{10}[T ]\S+ [\w.-]+ [^ []+(\[\d+])?:\s
-- covers:  host
-- record:  ^[^\s})]
-- skip:    ^(##|\s*$)
-- general: yes
--
-- Three shapes. RFC 3164, mostly stored without its number: `<34>Oct 11 22:14:15 host su[231]:
-- text`. It has no year: that of the file's last change is taken, counting back; nor a zone: give
-- `--zone`. RFC 5424: `<165>1 2026-10-11T22:14:15.003Z host app 123 ID47 [x@1 k="v"] text`, with
-- `-` for what is unknown and, over TCP, its length before it; one without a time is a reject.
-- And what rsyslog and systemd write by now, `2026-10-11T22:14:15.003+02:00 host app[123]: text`,
-- which with a space and `+02` is macOS's /var/log/install.log.
--
-- There is a level only where there is a number: it is facility * 8 + severity. A name with
-- spaces is a process only before `[123]` (`Google Chrome[812]:`). An indented line continues the
-- one before, as macOS writes; rsyslog writes `#012` instead. `last message repeated 3 times` is
-- a row whose `repeated` is 3: what counts messages must add it. The machine is called what the
-- sender calls it; `localhost` is none.
--
with
    cut as (
        select
            *,
            -- the plainest head needs no regular expression that extracts, which costs ten times
            -- as much
            case
                when regexp_matches(text, '^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ')
                then {'all':text[:16], 'pri':'', 'version':'', 'time':text[:15]}
                else
                    regexp_extract(
                        text,
                        '^((?:\d+ )?(?:<(\d{1,3})>)?(1 )?'
                        || '([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?'
                        || '|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d)?)?'
                        || '|- ) ?)',
                        ['all', 'pri', 'version', 'time']
                    )
            end as head,
            text[length(head['all']) + 1:] as rest
        from records
    ),
    split as (
        -- host app procid msgid [data] text | host tag[pid] (label): text | host text
        select
            *,
            case
                when head.version <> ''
                then
                    regexp_extract(
                        rest,
                        '^((\S+) (\S+) (\S+) (\S+) '
                        || '(-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+) ?)',
                        ['all', 'machine', 'app', 'pid', 'msgid', 'data']
                    )
            end as structured,
            case
                when head.version = '' and regexp_matches(rest, '^[^\s:\[\]]+ [^\s:\[\]]+\[\d+\]: ')
                then
                    regexp_extract(
                        rest,
                        '^(([^\s:\[\]]+) ([^\s:\[\]]+)()\[(\d+)\](): )',
                        ['all', 'machine', 'tag', 'app', 'pid', 'label']
                    )
                when head.version = ''
                then
                    regexp_extract(
                        rest,
                        '^((?:([^\s:\[\]]*[^\s:\[\]]|[0-9A-Fa-f:]*:[0-9A-Fa-f]+) +)?'
                        || '(?:([^\s:\[\]]+):(?: |$)'
                        || '|([^:\[\]\n]*[^\s:\[\]])\[([^\]\n]*)\](?: \(([^)\n]*)\))?: ?))',
                        ['all', 'machine', 'tag', 'app', 'pid', 'label']
                    )
            end as tagged
        from cut
    ),
    named as (
        select
            *,
            case
                when structured.all <> ''
                then nullif(structured.machine, '-')
                when tagged.all <> ''
                then tagged.machine
                when not starts_with(rest, '-')
                then regexp_extract(rest, '^(\S+) ', 1)
            end as machine,
            case
                when structured.all <> ''
                then ltrim(rest[length(structured.all) + 1:], chr(65279))
                when tagged.all <> ''
                then rest[length(tagged.all) + 1:]
                else rest
            end as body_crlf,
            replace(body_crlf, chr(13) || chr(10), chr(10)) as body,
            case
                when try_cast(head.pri as bigint) < 192 then try_cast(head.pri as bigint)
            end as pri,
            pri >> 3 as facility,
            pri & 7 as severity
        from split
    )
select
    case
        when starts_with(head.time, '-')
        then null
        when regexp_matches(head.time, '^\d')
        then time_in_zone(head.time, getvariable('zone'))
        else time_without_year(head.time, getvariable('zone'), getvariable('file_time'))
    end as ts,
    coalesce(nullif(nullif(machine, 'localhost'), ''), emitter) as host,
    coalesce(nullif(nullif(machine, 'localhost'), ''), emitter) as emitter,
    syslog_level(severity) as level,
    coalesce(
        nullif(nullif(structured.app, '-'), ''), nullif(tagged.tag, ''), nullif(tagged.app, '')
    ) as process,
    case
        when structured.all <> '' or tagged.all <> ''
        then body
        else regexp_replace(body, '^[^\s-]\S* ', '')
    end as message,
    file,
    line,
    try_cast(coalesce(structured.pid, tagged.pid) as bigint) as pid,
    case
        when facility > 15
        then 'local' || (facility - 16)
        else
            [
                'kern',
                'user',
                'mail',
                'daemon',
                'auth',
                'syslog',
                'lpr',
                'news',
                'uucp',
                'cron',
                'authpriv',
                'ftp',
                'ntp',
                'audit',
                'alert',
                'clock'
            ][facility + 1]
    end as facility,
    severity,
    nullif(nullif(structured.msgid, '-'), '') as msgid,
    nullif(nullif(structured.data, '-'), '') as structured_data,
    nullif(tagged.label, '') as label,
    try_cast(
        regexp_extract(body, '(?:^|\s)(?:last )?message repeated (\d+) times?', 1) as bigint
    ) as repeated
from named
