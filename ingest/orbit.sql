-- title:  orbit and Fleet Desktop
-- files:  orbit*, fleet-desktop*, fleet_desktop*
-- sniff:  \dT\d\d:[\d:.]+\S+ (TRC|DBG|INF|WRN|ERR|FTL|PNC) |^\{"level":.*"time":|\borbit\[\d+\]:
-- covers: host
-- record: ^##|^\{"|^(\d+ )?\d{4}-\S+T\S+ ([A-Z?]{3} |\S+ \S+\[)|^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:
-- skip:   ^##|^\s*$
--
-- The log of Fleet's agent on a host; `source` says of what shape a line is:
-- - zerolog: `2024-10-11T10:20:51-04:00 INF said key=value`, or JSON, also behind syslog
-- - glog: lines of osqueryd, which shares orbit's stderr
-- - text: what `open` and other programs say, with the time of the line before
--
-- Traps: the zone is the host's own; glog and syslog have neither zone nor year and take those of
-- orbit's line before, else count back from the file's last change. A failure may be told at
-- level INF, so look at `error` too. A copy out of an editor has line numbers in front.
--
with
    lines as (
        select
            file,
            emitter,
            unnest(string_split(text, chr(10))) as text,
            unnest(
                range(line, line + length(text) - length(replace(text, chr(10), '')) + 1)
            ) as line
        from records
    ),
    behind_syslog as (
        select
            file,
            emitter,
            line,
            rtrim(text, chr(13)) as whole,
            case
                when
                    regexp_matches(
                        text, '^(?:<\d+>)?[A-Z][a-z]{2} [ \d]\d |^\d{4}-\S+ (?:\S+ )?\S+\[\d+\]: '
                    )
                then syslog_prefix(rtrim(text, chr(13)))
            end as syslog
        from lines
        where not starts_with(text, '##') and trim(text, chr(13) || chr(9) || ' ') != ''
    ),
    bare as (select *, coalesce(nullif(syslog.rest, ''), whole) as body from behind_syslog),
    shaped as (
        select
            *,
            regexp_extract(
                body,
                '(?s)^(?:\d+ )?(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d)) ([A-Z?]{3}) (.*)$',
                ['stamp', 'level', 'said']
            ) as zerolog,
            case
                when starts_with(body, '{"')
                then
                    try(
                        from_json(
                            body,
                            '{"time":"VARCHAR","level":"VARCHAR","message":"VARCHAR","error":"VARCHAR"}'
                        )
                    )
            end as json,
            case when regexp_matches(body, '^[IWEF]\d{4} ') then glog_line(body) end as glog
        from bare
    ),
    orbits_time as (
        select
            *,
            coalesce(
                try_cast(zerolog.stamp as timestamptz),
                case
                    when json.time[1] between '0' and '9' then try_cast(json.time as timestamptz)
                end,
                case
                    when isfinite(try_cast(json.time as double))
                    then try(to_timestamp(try_cast(json.time as double)))
                end
            ) as told_ts,
            try_cast(
                left(coalesce(nullif(zerolog.stamp, ''), json.time), 19) as timestamp
            ) as told_local
        from shaped
    ),
    orbits_clock as (
        select
            *,
            last_value(told_ts ignore nulls) over so_far as clock_ts,
            last_value(told_local ignore nulls) over so_far as clock_local
        from orbits_time
        window so_far as (rows between unbounded preceding and current row)
    ),
    own_time as (
        select
            *,
            case
                when told_ts is not null
                then told_ts
                when syslog.iso_stamp != '' and glog.stamp is null
                then try_cast(syslog.iso_stamp as timestamptz)
                when coalesce(nullif(glog.stamp, ''), syslog.stamp, '') = ''
                then null
                when clock_local is not null
                then
                    time_without_year(
                        coalesce(nullif(glog.stamp, ''), syslog.stamp),
                        'UTC',
                        clock_ts + interval 180 days
                    )
                    - (clock_local - timezone('UTC', clock_ts))
                else
                    time_without_year(
                        coalesce(nullif(glog.stamp, ''), syslog.stamp),
                        getvariable('zone'),
                        getvariable('file_time')
                    )
            end as own_ts
        from orbits_clock
    ),
    timed as (
        select
            *,
            last_value(own_ts ignore nulls) over (
                rows between unbounded preceding and current row
            ) as ts,
            case
                when zerolog.stamp != '' or json.message is not null
                then 'zerolog'
                when glog.stamp != ''
                then 'glog'
                else 'text'
            end as source,
            case
                when zerolog.stamp != ''
                then zerolog.said
                when glog.stamp != ''
                then glog.said
                else coalesce(json.message, body)
            end as message
        from own_time
    )
select
    ts,
    coalesce(nullif(syslog.machine, ''), nullif(syslog.iso_machine, ''), emitter) as host,
    coalesce(nullif(syslog.machine, ''), nullif(syslog.iso_machine, ''), emitter) as emitter,
    case
        upper(left(coalesce(nullif(zerolog.level, ''), json.level, nullif(glog.severity, '')), 1))
        when 'T'
        then 'trace'
        when 'D'
        then 'debug'
        when 'I'
        then 'info'
        when 'W'
        then 'warn'
        when 'E'
        then 'error'
        when 'F'
        then 'fatal'
        when 'P'
        then 'fatal'
    end as level,
    case
        when source = 'glog'
        then 'osqueryd'
        when syslog.program != '' or syslog.iso_program != ''
        then coalesce(nullif(syslog.program, ''), syslog.iso_program)
        when source = 'zerolog'
        then if(regexp_matches(lower(file), 'fleet[-_ ]desktop[^/]*$'), 'fleet-desktop', 'orbit')
    end as process,
    message,
    file,
    line,
    source,
    coalesce(
        json.error,
        case
            when source = 'zerolog' and contains(message, ' error=')
            then
                try(
                    from_json(
                        logfmt_json(substr(message, strpos(message, ' error='))),
                        '{"error":"VARCHAR"}'
                    ).error
                )
        end
    ) as error,
    try_cast(glog.thread as bigint) as thread,
    nullif(glog.source_file, '') as source_file,
    try_cast(glog.source_line as bigint) as source_line,
    nullif(regexp_extract(message, '^orbit version:? (\S+)', 1), '') as orbit_version,
    nullif(
        regexp_extract(
            message, '^(?:Found osquery version: |osquery initialized \[version=)([^\s\]]+)', 1
        ),
        ''
    ) as osquery_version,
    nullif(
        regexp_extract(message, '^(?:Found )?fleet-desktop version(?:: |=)(\S+)', 1), ''
    ) as desktop_version
from timed
