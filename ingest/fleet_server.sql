-- title:  Fleet server
-- files:  fleet_server*, fleet-server*, fleet*.json*, fleet*.ndjson*, fleet*.log*
-- sniff:  "ts": ?"\d{4}-|\bts=\d{4}-\d\d-|\d http: (TLS|panic|Accept) |Fleet cron '|\bfleet\[\d+\]:
-- covers: fleet
-- record: ^##|^(\S+ +){0,9}?(\{"[^"]*":[^ ]|\{ ?"(ts|level)"|level=|ts=\d|\d{4}/\d\d/|Fleet cron ')
-- skip:   ^##|^\s*$
--
-- What `fleet serve` writes to stderr, in each form it has had:
-- - logfmt: `level=… ts=…` (go-kit), `ts=… level=…` (slog, since 4.81), or without a level
-- - JSON: keys sorted (go-kit), or `ts`, `level`, `msg` first and whole seconds (slog)
-- - lines of Go: `2025/07/02 20:43:07 http: TLS handshake error from …`, in local time
-- - mail of a failed cron: `Fleet cron 'name' (last updated …) raised errors …:`, then JSON
--
-- Each stands bare, or behind the prefix of journald, syslog, Docker, kubectl or CloudWatch.
-- Traps: `took` is text (`3.7ms`), then whole nanoseconds, then text again; float seconds in
-- cron. A key may come twice. The host is host_uuid, hostID, host_id, `id` beside `type`
-- (nanoMDM), or `UUID:` in an APNs error, which may name several (all in apns_errors). `uuid` is
-- the error's. Handshake lines and cron mail have no level but call themselves errors. Lines of
-- no form, such as a panic of Go, become one row after the line they follow, with its time.
--
with
    cut as (
        select
            *,
            case
                when not contains(text, chr(10))
                then text
                when contains(split_part(text, chr(10), 1), 'Fleet cron ''')
                then text
                else split_part(text, chr(10), 1)
            end as first_line
        from records
    ),
    parts as (
        -- lines of no form that follow one of Fleet's are `more` of it, a row of their own
        select
            file,
            emitter,
            line + part as line,
            part = 0 as own,
            case
                when starts_with(first_line, '{"log":"')
                then
                    rtrim(
                        coalesce(try(from_json(first_line, '{"log":"VARCHAR"}').log), ''), chr(10)
                    )
                when ends_with(first_line, chr(13))
                then rtrim(first_line, chr(13))
                else first_line
            end as head,
            case when part = 1 then substr(text, length(first_line) + 2) end as more
        from (select *, unnest(if(first_line = text, [0], [0, 1])) as part from cut)
    ),
    behind_syslog as (
        select
            *,
            syslog_prefix(
                case
                    when
                        starts_with(head, '{')
                        or starts_with(head, 'level=')
                        or starts_with(head, 'ts=')
                    then null
                    else head
                end
            ) as syslog
        from parts
    ),
    behind_container as (
        select *, container_prefix(case when syslog.rest = '' then head end) as container
        from behind_syslog
    ),
    bare as (
        select
            *,
            coalesce(container.rest, syslog.rest, head) as body,
            nullif(
                coalesce(
                    nullif(syslog.machine, ''),
                    nullif(syslog.iso_machine, ''),
                    nullif(container.container, ''),
                    container.pod
                ),
                ''
            ) as machine
        from behind_container
    ),
    as_json as (
        select
            *,
            case
                when starts_with(body, '{')
                then body
                when starts_with(body, 'level=') or starts_with(body, 'ts=')
                then logfmt_json(body)
            end as object
        from bare
    ),
    parsed as (
        select
            *,
            try(from_json(object, '{"ts":"VARCHAR","level":"VARCHAR","msg":"VARCHAR",
                    "component":"VARCHAR","method":"VARCHAR","uri":"VARCHAR","took":"VARCHAR",
                    "ip_addr":"VARCHAR","x_for_ip_addr":"VARCHAR","user":"VARCHAR",
                    "err":"VARCHAR","internal":"VARCHAR","host_id":"VARCHAR"}')) as told,
            regexp_extract(
                case when object is null then body end,
                '(?s)^(?:\d{4}/\d\d/\d\d [\d:.]+ )?(?:\[(\w+)\] )?'
                || '(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?) (.*)$',
                ['level', 'stamp', 'said']
            ) as go,
            regexp_extract(
                case when starts_with(body, 'Fleet cron ') then body end,
                '(?s)^Fleet cron ''([^'']*)'' \(last updated (\S+ \S+ [+-]\d{4})[^)]*\) raised errors'
                || '[^:]*:\s*(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ \S+: )?(.*?)\s*$',
                ['name', 'stamp', 'errors']
            ) as alert
        from as_json
    ),
    counted as (
        -- a line that has no key but those needs no second look
        select
            *,
            len(try(json_keys(object))) = (
                (told.ts is not null)::integer
                + (told.level is not null)::integer
                + (told.msg is not null)::integer
                + (told.component is not null)::integer
                + (told.method is not null)::integer
                + (told.uri is not null)::integer
                + (told.took is not null)::integer
                + (told.ip_addr is not null)::integer
                + (told.x_for_ip_addr is not null)::integer
                + (told.user is not null)::integer
                + (told.err is not null)::integer
                + (told.internal is not null)::integer
                + (told.host_id is not null)::integer
            ) as plain
        from parsed
    ),
    complete as (
        select
            *,
            try(
                from_json(
                    case when not plain then object end, '{"message":"VARCHAR","path":"VARCHAR",
                    "ingestion-err":"VARCHAR","details":"VARCHAR","hostID":"VARCHAR",
                    "host_uuid":"VARCHAR","hostUUID":"VARCHAR","identifier":"VARCHAR",
                    "id":"VARCHAR","type":"VARCHAR","cron":"VARCHAR","schedule":"VARCHAR",
                    "uuid":"VARCHAR","trace_id":"VARCHAR","status":"VARCHAR",
                    "command_uuid":"VARCHAR","request_type":"VARCHAR"}'
                )
            ) as also
        from counted
    ),
    meant as (
        select
            *,
            coalesce(
                case when told.ts[1] between '0' and '9' then try_cast(told.ts as timestamptz) end,
                timezone(
                    getvariable('zone'),
                    try_strptime(go.stamp, ['%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M:%S.%f'])
                ),
                try_strptime(alert.stamp, ['%Y-%m-%d %H:%M:%S %z', '%Y-%m-%d %H:%M:%S.%f %z'])
            ) as ts,
            case
                when contains(told.err, 'APNS delivery failed')
                then regexp_extract_all(told.err, 'UUID: ([^\s,]+), Error: ([^\n]*)', 1)
            end as apns_hosts,
            case
                when own and not plain and told is not null
                then
                    json_merge_patch(
                        object, '{"ts":null,"level":null,"msg":null,"message":null,"component":null,
                        "method":null,"uri":null,"path":null,"took":null,"ip_addr":null,
                        "x_for_ip_addr":null,"user":null,"err":null,"internal":null,
                        "ingestion-err":null,"host_id":null,"hostID":null,"host_uuid":null,
                        "hostUUID":null,"cron":null,"schedule":null,"uuid":null,"trace_id":null,
                        "status":null,"command_uuid":null,"request_type":null}'
                    )::varchar
            end as rest,
            regexp_extract(
                case when contains(go.said, 'TLS handshake error from ') then go.said end,
                'TLS handshake error from (.*?)(?::(\d+))?: (?:(local|remote) error: )?(?:tls: )?(.*)$',
                ['ip', 'port', 'side', 'error']
            ) as tls
        from complete
    )
select
    ts,
    case
        when own
        then
            coalesce(
                nullif(also.host_uuid, ''),
                nullif(also.hostuuid, ''),
                nullif(also.identifier, ''),
                nullif(also.hostid, ''),
                nullif(told.host_id, ''),
                case when also.type is not null then nullif(also.id, '') end,
                case when len(apns_hosts) = 1 then apns_hosts[1] end
            )
    end as host,
    coalesce(machine, emitter) as emitter,
    case
        when not own
        then if(regexp_matches(more, '(?m)^(?:panic|fatal error): '), 'fatal', null)
        when tls is not null or alert is not null
        then 'error'
        when told.level in ('debug', 'info', 'warn', 'error')
        then told.level
        when lower(coalesce(told.level, go.level)) in ('debug', 'info', 'warn', 'error')
        then lower(coalesce(told.level, go.level))
        when lower(coalesce(told.level, go.level)) = 'warning'
        then 'warn'
    end as level,
    case
        when go.stamp != ''
        then if(starts_with(go.said, 'http'), split_part(go.said, ':', 1), 'go')
        else coalesce(nullif(told.component, ''), if(alert is null, null, 'cron'), 'fleet')
    end as process,
    case
        when not own
        then regexp_replace(more, '(?m)^[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S+ \S+: |\r$', '', 'g')
        when go.stamp != ''
        then go.said
        when alert is not null
        then concat_ws(': ', 'cron ' || alert.name || ' raised errors', nullif(alert.errors, ''))
        else
            coalesce(
                nullif(
                    concat_ws(
                        ': ',
                        case
                            when coalesce(nullif(told.msg, ''), also.message) is not null
                            then
                                case
                                    when
                                        starts_with(
                                            told.err, coalesce(nullif(told.msg, ''), also.message)
                                        )
                                    then null
                                    else coalesce(nullif(told.msg, ''), also.message)
                                end
                            when coalesce(told.uri, also.path) is not null
                            then concat_ws(' ', told.method, coalesce(told.uri, also.path))
                            when also.schedule is not null
                            then concat_ws(' ', 'schedule', also.schedule, also.status)
                            when also.command_uuid is not null
                            then concat_ws(' ', 'command', also.command_uuid, also.status)
                            else told.method
                        end,
                        nullif(told.internal, ''),
                        nullif(rtrim(ltrim(told.err, ': '), chr(10)), ''),
                        nullif(also.details, ''),
                        nullif(also."ingestion-err", '')
                    ),
                    ''
                ),
                body
            )
    end as message,
    file,
    line,
    if(own, nullif(told.component, ''), null) as component,
    if(own, nullif(told.method, ''), null) as method,
    if(own, coalesce(nullif(told.uri, ''), also.path), null) as uri,
    if(own, go_duration_s(told.took), null) as took_s,
    if(own, coalesce(nullif(told.x_for_ip_addr, ''), nullif(told.ip_addr, '')), null) as ip,
    if(own and told.x_for_ip_addr != '', nullif(told.ip_addr, ''), null) as proxy_ip,
    if(own, nullif(told.user, ''), null) as user_name,
    if(own, coalesce(nullif(told.err, ''), nullif(alert.errors, '')), null) as err,
    if(own, nullif(told.internal, ''), null) as internal,
    if(own, nullif(also."ingestion-err", ''), null) as ingestion_err,
    if(own, try_cast(coalesce(told.host_id, also.hostid) as bigint), null) as host_id,
    if(own, coalesce(nullif(also.host_uuid, ''), nullif(also.hostuuid, '')), null) as host_uuid,
    if(
        own and apns_hosts is not null,
        to_json(
            list_transform(
                apns_hosts,
                lambda uuid,
                i: {
                    'host':uuid,
                    'error':regexp_extract_all(told.err, 'UUID: ([^\s,]+), Error: ([^\n]*)', 2)[i]
                }
            )
        )::varchar,
        null
    ) as apns_errors,
    if(
        own,
        coalesce(nullif(also.cron, ''), nullif(also.schedule, ''), nullif(alert.name, '')),
        null
    ) as cron,
    if(own, nullif(also.uuid, ''), null) as error_uuid,
    if(own, nullif(also.trace_id, ''), null) as trace_id,
    if(own, nullif(also.status, ''), null) as status,
    if(own, nullif(also.command_uuid, ''), null) as command_uuid,
    if(own, nullif(also.request_type, ''), null) as request_type,
    if(own, nullif(trim(tls.ip, '[]'), ''), null) as remote_ip,
    if(own, try_cast(tls.port as integer), null) as remote_port,
    if(own, nullif(tls.side, ''), null) as tls_side,
    if(own, nullif(tls.error, ''), null) as tls_error,
    nullif(rest, '{}') as extra,
    case
        when starts_with(body, '{') and told is null
        then 'its JSON is broken, so none of its values can be trusted'
        when told is not null and ts is null
        then 'it says no time that can be read in `ts`'
    end as reject
from meant
where own or trim(more, chr(10) || chr(13) || chr(9) || ' ') != ''
