-- title:  macOS unified log, every style of `log show` and `log stream`
-- files:  *unified*, *log_show*, *logshow*, *log_stream*, *.ndjson, *.jsonl
-- sniff:  ^\{.*"(eventM|raw_m)es|^(\[|},)\{\s+"\w+" :|^[-\d]+ \S+\.\S+ +(0x|.. .+\[\d+:|localhost )
-- covers: host
-- zone:   UTC
-- record: ^(\{ ?"|(\[|},)\{\s*$|[-\d]{10} [:\d]{8}\.\d|Filtering the |Timestamp  |-{60}|##)
-- skip:   ^(\{"count":\s?\d+,|Filtering the |Skipping i|getpwuid_|Timestamp  |-{60}|\[?\s*]?$|##)
-- key:    boot_uuid, mach_time, thread
--
-- One table for six styles, named in `style`: `ndjson`, `json` (one pretty-printed array),
-- `default`, `compact` and `syslog` as `log` writes them, and `iterator`, the JSONL of
-- unifiedlog_iterator, which reads .tracev3 on any system. Collect ndjson: it alone loses
-- nothing.
--
-- Keys came and went with macOS (no `userID` before 12) and each is missing on some event: all
-- are read by name, none is needed but the time. NULL means none: an empty subsystem, activity 0,
-- user 2863311530 (0xAAAAAAAA, on launchd's lines). Ids have 64 bits and are never held in a
-- float: `thread` and the activity ids keep their bits in a BIGINT, the rest is DECIMAL.
--
-- `process` and `sender` are the last parts of their paths. The text styles leave a sender out if
-- it is the process itself; here it is named, as predicates know it. Levels: Default is notice
-- and Fault is fatal; activities, signposts, states and losses have none.
--
-- Traps of the text styles: `compact` has no zone (`--zone`), `syslog` has no level and calls
-- every Mac localhost. A message has as many lines as it likes, and a line of it that looks like
-- a row or begins `{"` is taken for a record. `[x:y] ` before a message is a subsystem if it has
-- a dot or a slash or is the process's name (`[powerd:sleepWake]`), else it is the message's own
-- (`[PYI-36329:ERROR]`). In JSON a line is a record or a reject by itself.
--
-- `<private>` and `<decode: missing data>` are what the log holds; they stay. A Mac's log tells
-- of that Mac, so `host` is the emitter.
--
-- `log show` dates an event anew each time, and may date it some milliseconds apart. So the key is
-- the tick at which a thread spoke; the text styles and `log stream` do not tell the boot, and
-- there all of an event is its key.
--
with
    lines as (
        -- a JSON event is one line: whatever follows it stands for itself
        select
            file,
            emitter,
            line + part - 1 as line,
            coalesce(one, text) as text,
            case
                when starts_with(coalesce(one, text), '{')
                then 1
                when starts_with(coalesce(one, text), '[{')
                then 2
                when starts_with(coalesce(one, text), '},{')
                then 3
            end as opens
        from
            (
                select *, unnest(parts) as one, generate_subscripts(parts, 1) as part
                from
                    (
                        select
                            *,
                            case
                                when starts_with(text, '{') and contains(text, chr(10))
                                then string_split(text, chr(10))
                                else [null]
                            end as parts
                        from records
                    )
            )
        where one is null or one <> ''
    ),
    objects as (
        -- `opens` is where the object of a JSON style begins
        select
            *,
            case
                when opens = 1
                then text
                when opens is null
                then null
                when ends_with(rtrim(text[opens:-1], chr(10) || chr(13)), '}]')
                then rtrim(text[opens:-1], chr(10) || chr(13) || ']')
                else text[opens:-1] || '}'
            end as object
        from lines
    ),
    parsed as (
        -- what nearly every event has is looked for in all, the rest where there may be some
        select
            *,
            try(from_json(object, '{"timestamp": "VARCHAR", "messageType": "VARCHAR",
                      "eventType": "VARCHAR", "eventMessage": "VARCHAR",
                      "formatString": "VARCHAR", "subsystem": "VARCHAR",
                      "category": "VARCHAR", "processImagePath": "VARCHAR",
                      "senderImagePath": "VARCHAR", "processID": "BIGINT",
                      "threadID": "UBIGINT", "userID": "BIGINT",
                      "activityIdentifier": "UBIGINT", "parentActivityIdentifier": "UBIGINT",
                      "creatorActivityID": "UBIGINT", "bootUUID": "VARCHAR",
                      "machTimestamp": "UBIGINT", "traceID": "UBIGINT"}')) as j,
            regexp_extract(
                case when opens is null then text end,
                '^((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+(?:[+-]\d{4})?) +(?:'
                || '(0x[0-9a-f]+) +(?:([A-Z][A-Za-z]*) +)?(0x[0-9a-f]+) +(\d+) +'
                || '(?:\d+ +)?([^:\n]*): ?'
                || '|([A-Z][A-Za-z ]) ([^\[\]\n]*)\[(\d+):([0-9a-f]+)\] ?'
                || '|(\S+) ([^\[\]\n]*)\[(\d+)\]: ?))',
                [
                    'all',
                    'time',
                    'default_thread',
                    'default_type',
                    'default_activity',
                    'default_pid',
                    'default_process',
                    'compact_type',
                    'compact_process',
                    'compact_pid',
                    'compact_thread',
                    'syslog_host',
                    'syslog_process',
                    'syslog_pid'
                ]
            ) as head
        from objects
    ),
    complete as (
        -- the keys of a few events, and those of the iterator
        select
            *,
            try(
                from_json(
                    case when j.eventtype is distinct from 'logEvent' then object end,
                    '{"signpostID": "UBIGINT", "signpostIdentifier": "UBIGINT",
                      "signpostName": "VARCHAR", "signpostType": "VARCHAR",
                      "signpostScope": "VARCHAR", "lossCount": "BIGINT",
                      "event_type": "VARCHAR", "log_type": "VARCHAR",
                      "message": "VARCHAR", "raw_message": "VARCHAR", "process": "VARCHAR",
                      "library": "VARCHAR", "pid": "BIGINT", "thread_id": "UBIGINT",
                      "euid": "BIGINT", "activity_id": "UBIGINT",
                      "parent_activity_id": "UBIGINT", "boot_uuid": "VARCHAR"}'
                )
            ) as also
        from parsed
    ),
    headed as (
        -- of the heads of the three text styles, the groups of two are empty
        select
            * exclude(head),
            head.time as time,
            head.syslog_host as machine,
            head.default_type || head.compact_type as kind,
            head.default_process || head.compact_process || head.syslog_process as program,
            head.default_pid || head.compact_pid || head.syslog_pid as program_pid,
            head.default_thread
            || if(head.compact_thread = '', '', '0x' || head.compact_thread) as thread,
            head.default_activity as activity,
            case
                when head.default_pid <> ''
                then 'default'
                when head.compact_pid <> ''
                then 'compact'
                else 'syslog'
            end as text_style,
            case when head.all <> '' then text[length(head.all) + 1:] end as rest
        from complete
    ),
    labelled as (
        -- `(sender) [subsystem:category] message`, each of the first two where there is one
        select
            *,
            regexp_extract(
                rest,
                '^((?:\(([^)\n]+)\) )?)((?:\[([^\]\[:\n]*):([^\]\n]*)\] ?)?)',
                ['sender_part', 'sender', 'label_part', 'subsystem', 'category']
            ) as label
        from headed
    ),
    worded as (
        select
            *,
            regexp_matches(label.subsystem, '[./]')
            or label.subsystem in ('system', program, label.sender) as is_label,
            rest[
                length(label.sender_part) + if(is_label, length(label.label_part), 0) + 1:
            ] as words,
            regexp_extract(
                case when text_style = 'syslog' then words end,
                '^(Created Activity ID: (0x[0-9a-f]+), Description: )',
                ['all', 'id']
            ) as created
        from labelled
    ),
    named as (
        -- one name for one thing, whatever the style calls it
        select
            *,
            case
                coalesce(j.eventtype, also.event_type, if(created.id <> '', 'Activity', kind))
                when 'logEvent'
                then 'logEvent'
                when 'Activity'
                then 'activityCreateEvent'
                when 'A '
                then 'activityCreateEvent'
                when 'Signpost'
                then 'signpostEvent'
                when 'State'
                then 'stateEvent'
                when 'Statedump'
                then 'stateEvent'
                when 'Loss'
                then 'lossEvent'
                when 'Timesync'
                then 'timesyncEvent'
                when 'UserAction'
                then 'userActionEvent'
                when 'Trace'
                then 'traceEvent'
                when 'Log'
                then 'logEvent'
                when 'Simpledump'
                then 'logEvent'
                else
                    coalesce(
                        j.eventtype,
                        also.event_type,
                        if(kind = '' or level is not null, 'logEvent', null)
                    )
            end as event_type
        from
            (
                select
                    *,
                    case
                        coalesce(j.messagetype, also.log_type, kind)
                        when 'Default'
                        then 'notice'
                        when 'Df'
                        then 'notice'
                        when 'Info'
                        then 'info'
                        when 'I '
                        then 'info'
                        when 'Debug'
                        then 'debug'
                        when 'Db'
                        then 'debug'
                        when 'Error'
                        then 'error'
                        when 'E '
                        then 'error'
                        when 'Fault'
                        then 'fatal'
                        when 'F '
                        then 'fatal'
                    end as level
                from worded
            )
    )
select
    time_in_zone(coalesce(j.timestamp, time), getvariable('zone')) as ts,
    coalesce(nullif(nullif(machine, 'localhost'), ''), emitter) as host,
    coalesce(nullif(nullif(machine, 'localhost'), ''), emitter) as emitter,
    level,
    nullif(split_part(coalesce(j.processimagepath, also.process, program), '/', -1), '') as process,
    coalesce(
        j.eventmessage,
        also.message,
        rtrim(
            replace(words[length(coalesce(created.all, '')) + 1:], chr(13) || chr(10), chr(10)),
            chr(10)
        )
    ) as message,
    file,
    line,
    coalesce(j.processid, also.pid, try_cast(program_pid as bigint)) as pid,
    signed64(coalesce(j.threadid, also.thread_id, try_cast(thread as ubigint))) as thread,
    event_type,
    nullif(coalesce(j.subsystem, if(is_label, label.subsystem, null)), '') as subsystem,
    nullif(coalesce(j.category, if(is_label, label.category, null)), '') as category,
    nullif(
        split_part(
            coalesce(
                j.senderimagepath, also.library, if(label.sender <> '', label.sender, program)
            ),
            '/',
            -1
        ),
        ''
    ) as sender,
    signed64(
        nullif(
            coalesce(
                j.activityidentifier,
                also.activity_id,
                try_cast(activity as ubigint),
                try_cast(created.id as ubigint)
            ),
            0
        )
    ) as activity_id,
    signed64(
        nullif(coalesce(j.parentactivityidentifier, also.parent_activity_id), 0)
    ) as parent_activity_id,
    nullif(coalesce(j.userid, also.euid), 2863311530) as user_id,
    case
        when also.boot_uuid is not null
        then upper(cast(try_cast(also.boot_uuid as uuid) as varchar))
        else nullif(j.bootuuid, '')
    end as boot_uuid,
    signed64(j.machtimestamp) as mach_time,
    cast(j.traceid as decimal(20, 0)) as trace_id,
    nullif(coalesce(j.formatstring, also.raw_message), '') as format_string,
    case
        when not starts_with(text, '{')
        then if(starts_with(text, '[') or starts_with(text, '}'), 'json', text_style)
        when also.raw_message is not null or also.log_type is not null
        then 'iterator'
        else 'ndjson'
    end as style,
    cast(nullif(j.creatoractivityid, 0) as decimal(20, 0)) as creator_activity_id,
    cast(coalesce(also.signpostid, also.signpostidentifier) as decimal(20, 0)) as signpost_id,
    also.signpostname as signpost_name,
    also.signposttype as signpost_type,
    also.signpostscope as signpost_scope,
    coalesce(
        also.losscount,
        case
            when event_type = 'lossEvent'
            then
                try_cast(
                    regexp_extract(
                        coalesce(words, j.eventmessage, also.message), 'lost (?:>=)?(\d+)', 1
                    ) as bigint
                )
        end
    ) as loss_count
from named
