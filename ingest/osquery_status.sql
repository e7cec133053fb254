-- title:  osqueryd status log
-- files:  osqueryd*.INFO*, osqueryd*.WARNING*, osqueryd*.ERROR*, osquery*status*, osqueryd*.log*
-- sniff:  ^(.*\]: )?[IWEF]\d{4} [\d:.]{15} +-?\d+ \S+\.\w+:\d+\] |^\{.*"severity": ?"?[0-3]"?[,}]
-- covers: host
-- record: ^(##|\d{4}-|\w{3} [ \d]\d \d\d:|\{"[hl]|\{.*"severity":|(.*\]: )?[IWEF]\d{4} \d\d:)
-- skip:   ^##|^\s*$|^Log file created at: |"data": ?\[\]
--
-- What osqueryd says of itself; `source` says of what shape a line is:
-- - json: one object a line, as osqueryd sends it and Fleet writes it on; also the body as posted
-- - glog: `W1207 14:18:14.493124 311143936 tls.cpp:101] said` in osqueryd's own files
-- - text: further lines of the line before, such as the bodies that --tls_dump prints
--
-- Traps: glog has local time and no year, which is that in the file's name, else counted back
-- from the file's last change; its thread ids are padded and may be negative. In JSON values are
-- numbers or text, decorations nested or at top level; severity is 0 info, 1 warning, 2 error, 3
-- fatal. It covers `host`, because each of several Fleet servers writes but its share of the
-- lines.
--
with
    cut as (
        select
            *,
            case when contains(text, chr(10)) then string_split(text, chr(10)) end as lines,
            coalesce(lines[1], text) as head
        from records
    ),
    opened as (
        select
            *,
            coalesce(
                case
                    when starts_with(head, '{') and contains(head, '"log_type"')
                    then nullif(try(from_json(head, '{"data":["VARCHAR"]}').data), [])
                end,
                [head]
            ) as entries
        from cut
    ),
    parts as (
        select
            file,
            emitter,
            line,
            unnest(
                case
                    when lines is null
                    then list_transform(entries, lambda e: {'head':e, 'more':null::varchar, 'at':0})
                    else
                        list_concat(
                            list_transform(
                                entries, lambda e: {'head':e, 'more':null::varchar, 'at':0}
                            ),
                            list_transform(
                                lines[2:], lambda l, i: {'head':entries[-1], 'more':l, 'at':i}
                            )
                        )
                end
            ) as part
        from opened
    ),
    behind_syslog as (
        select
            file,
            emitter,
            line + part.at as line,
            rtrim(part.head, chr(13)) as head,
            rtrim(part.more, chr(13)) as more,
            case
                when regexp_matches(part.head, '^(?:<\d+>)?[A-Z][a-z]{2} [ \d]\d |^\d{4}-')
                then syslog_prefix(rtrim(part.head, chr(13)))
            end as syslog
        from parts
        where part.more is null or trim(part.more, chr(13) || chr(9) || ' ') != ''
    ),
    bare as (
        select
            *,
            coalesce(nullif(syslog.rest, ''), head) as body,
            coalesce(nullif(syslog.machine, ''), nullif(syslog.iso_machine, '')) as machine
        from behind_syslog
    ),
    parsed as (
        select
            *,
            case
                when starts_with(body, '{')
                then
                    try(
                        from_json(
                            body,
                            '{"hostIdentifier":"VARCHAR","calendarTime":"VARCHAR","unixTime":"VARCHAR",
                            "severity":"VARCHAR","filename":"VARCHAR","line":"VARCHAR","message":"VARCHAR",
                            "version":"VARCHAR","decorations":"VARCHAR","host_uuid":"VARCHAR",
                            "hostname":"VARCHAR"}'
                        )
                    )
            end as told,
            case when not starts_with(body, '{') then glog_line(body) end as glog
        from bare
    ),
    meant as (
        select
            *,
            case
                when more is not null
                then 'text'
                when glog.stamp != ''
                then 'glog'
                when told.severity is not null or told.message is not null
                then 'json'
            end as source,
            coalesce(
                case
                    when told.severity is not null or told.message is not null
                    then unix_or_calendar_time(told.unixtime, told.calendartime)
                end,
                case
                    when glog.stamp != ''
                    then
                        time_without_year(
                            glog.stamp,
                            getvariable('zone'),
                            least(
                                cast(getvariable('file_time') as timestamptz),
                                timezone(
                                    'UTC',
                                    try_strptime(
                                        regexp_extract(
                                            getvariable('file'), '\.(\d{8}-\d{6})\.\d+[^/]*$', 1
                                        ),
                                        '%Y%m%d-%H%M%S'
                                    )
                                    + interval 364 days
                                )
                            )
                        )
                end
            ) as ts,
            coalesce(nullif(told.hostidentifier, ''), machine, nullif(told.hostname, '')) as named
        from parsed
    )
select
    ts,
    coalesce(named, if(glog.stamp != '', emitter, null)) as host,
    coalesce(named, emitter) as emitter,
    case
        when source = 'text'
        then null
        when told.severity in ('0', '1', '2', '3')
        then ['info', 'warn', 'error', 'fatal'][cast(told.severity as integer) + 1]
        when source = 'glog'
        then ['info', 'warn', 'error', 'fatal'][strpos('IWEF', glog.severity)]
    end as level,
    'osqueryd' as process,
    coalesce(more, told.message, glog.said) as message,
    file,
    line,
    source,
    if(source = 'glog', try_cast(glog.thread as bigint), null) as thread,
    if(source = 'text', null, coalesce(told.filename, nullif(glog.source_file, ''))) as source_file,
    if(
        source = 'text', null, try_cast(coalesce(told.line, glog.source_line) as bigint)
    ) as source_line,
    coalesce(
        if(source = 'json', nullif(told.version, ''), null),
        if(
            source = 'glog',
            nullif(regexp_extract(glog.said, '^osquery initialized \[version=([^\]]+)', 1), ''),
            null
        )
    ) as osquery_version,
    coalesce(
        told.host_uuid, try(json_extract_string(told.decorations, '$.host_uuid'))
    ) as host_uuid,
    coalesce(told.hostname, try(json_extract_string(told.decorations, '$.hostname'))) as hostname,
    coalesce(
        told.decorations,
        case
            when source = 'json'
            then
                nullif(
                    json_merge_patch(
                        body,
                        '{"hostIdentifier":null,"calendarTime":null,"unixTime":null,"severity":null,
                        "filename":null,"line":null,"message":null,"version":null}'
                    )::varchar,
                    '{}'
                )
        end
    ) as decorations,
    case
        when starts_with(body, '{') and told is null
        then 'its JSON is broken, so none of its values can be trusted'
        when source is null and not starts_with(body, '{')
        then 'it has no severity, time, thread, file and line as glog writes them'
        when source = 'json' and ts is null
        then 'it says no time that can be read in `unixTime` or `calendarTime`'
    end as reject
from meant
