-- title:  nginx access log
-- files:  *access*.log*, nginx*.log*
-- sniff:  ^\S+ \S+ .*?\[(\d\d/[A-Z][a-z]{2}/\d{4}:|\d{4}-\d\d-\d\dT)\d\d:\d\d:\d\d ?[Z+-][\d:]*\] "
-- covers: fleet
-- skip:   ^##|^\s*$
--
-- Common, combined, and combined with more fields at the end, as Apache and ingress-nginx write
-- it too. It is the one log that sees every channel of every host, whatever Fleet itself logs.
-- `host` is the client address as nginx names it: behind a load balancer that is the balancer,
-- and the Mac is the first of `x_forwarded_for`. Many Macs behind one NAT share one address.
-- Fields at the end are told by their looks: `rt=… urt=…` (`request_time`,
-- `upstream_response_time`), else the first bare seconds with three decimals are the request's
-- and the second the upstream's (of several tries the sum); addresses are `x_forwarded_for`, a
-- domain name is the `virtual_host`. Escapes (`\x22`) stay as nginx wrote them. Only where the
-- quotes do not fall as they should (a quote in an unescaped user agent, a line cut off) is a
-- line taken apart by a regular expression. What is no HTTP (TLS bytes on a plain port, an empty
-- request) is a row without `method` and `path`.
--
with
    split as (
        select *, string_split(text, '"') as part, string_split(part[1], ' ') as head from records
    ),
    shaped as (
        select
            *,
            coalesce(
                len(head) = 6
                and starts_with(part[3], ' ')
                and substr(part[3], 5, 1) = ' '
                and (len(part) = 3 or part[5] = ' ')
                and (len(part) < 7 or part[7] = '' or starts_with(part[7], ' ')),
                false
            ) as plain,
            case
                when not plain
                then
                    regexp_extract(
                        text,
                        '^(?:.*?(\S*) ?nginx\S*(?:: |\s+\| ))?(\S+) \S+ ([^"]*) ?\[([^\]"]+)\] "(.*?)'
                        || '(?:" ?\d{0,2}|" (\d{3}) (\d+|-)(?: "(.*?)(?:" "(.*?)'
                        || '(?:"((?: "[^"]*"| \w+="[^"]*"| [^" ]+)*))?)?)?)?$',
                        [
                            'machine',
                            'client',
                            'user',
                            'time',
                            'request',
                            'status',
                            'bytes',
                            'referer',
                            'agent',
                            'rest'
                        ]
                    )
            end as odd
        from split
    ),
    fields as (
        select
            file,
            line,
            emitter,
            odd.machine as machine,
            case when plain then head[1] else odd.client end as client,
            case when plain then head[3] else trim(odd.user) end as remote_user,
            case
                when plain
                then try_strptime(head[4] || head[5], '[%d/%b/%Y:%H:%M:%S%z]')
                else
                    coalesce(
                        try_strptime(odd.time, '%d/%b/%Y:%H:%M:%S %z'),
                        time_in_zone(odd.time, getvariable('zone'))
                    )
            end as ts,
            case when plain then part[2] else odd.request end as request,
            try_cast(
                case when plain then substr(part[3], 2, 3) else odd.status end as bigint
            ) as status,
            try_cast(case when plain then substr(part[3], 6) else odd.bytes end as bigint) as bytes,
            case when plain then part[4] else odd.referer end as referer,
            case when plain then part[6] else odd.agent end as user_agent,
            case
                when not plain
                then nullif(odd.rest, '')
                when len(part) > 7 or part[7] <> ''
                then array_to_string(part[7:], '"')
            end as rest
        from shaped
    ),
    requests as (
        select
            *,
            string_split(request, ' ') as word,
            http_target(word) as target,
            http_path(target) as path,
            fleet_channel(path, user_agent) as channel
        from fields
    )
select
    ts,
    nullif(client, '') as host,
    coalesce(nullif(machine, ''), emitter) as emitter,
    case
        when status < 400 then 'info' when status < 500 then 'warn' when status < 600 then 'error'
    end as level,
    'nginx' as process,
    request as message,
    file,
    line,
    case when remote_user not in ('-', '') then remote_user end as remote_user,
    case when target is not null then word[1] end as method,
    path,
    http_query(target) as query,
    case when starts_with(word[-1], 'HTTP/') then word[-1] end as protocol,
    status,
    bytes,
    case when referer not in ('-', '') then referer end as referer,
    case when user_agent not in ('-', '') then user_agent end as user_agent,
    channel,
    case when channel = 'osquery' then path else fleet_endpoint(path) end as endpoint,
    case when user_agent like 'osquery/%' then substr(user_agent, 9) end as osquery_version,
    case when rest is not null then http_seconds(rest, 'rt|request_time', 1) end as took_s,
    case
        when rest is not null then http_seconds(rest, 'urt|upstream_response_time|upstream_time', 2)
    end as upstream_s,
    case
        when rest is not null
        then
            nullif(
                regexp_extract(
                    rest,
                    '(?:^|[ "=])((?:(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?:, )?)+)'
                    || '(?:[" ]|$)',
                    1
                ),
                ''
            )
    end as x_forwarded_for,
    case
        when rest is not null
        then
            nullif(
                regexp_extract(
                    rest, '(?:^|[ "=])((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})(?::\d+)?(?:[" ]|$)', 1
                ),
                ''
            )
    end as virtual_host
from requests
