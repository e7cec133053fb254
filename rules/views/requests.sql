-- title: Requests that reached Fleet
--
-- As the proxies in front of it saw them; Fleet's own log is used only where there is none of
-- theirs, since it tells of most requests only while it debugs. `endpoint` has `:id` where a
-- path names a host or the like, and `path` is the path as it came. `took_s` is how long Fleet
-- took, as far as the log tells that from how long the client did. `host` is whom the request
-- came from: behind another proxy, the first of the addresses that this one forwarded.
--
with
    proxied as (
        select
            ts,
            coalesce(nullif(trim(split_part(x_forwarded_for, ',', 1)), ''), host) as host,
            method,
            path,
            endpoint,
            channel,
            status,
            coalesce(upstream_s, took_s) as took_s,
            'nginx_access' as "table"
        from nginx_access
        where ts < getvariable('until')
        union all
        select
            ts,
            host,
            method,
            path,
            endpoint,
            channel,
            status,
            target_processing_time_s,
            'alb_access'
        from alb_access
        where ts < getvariable('until')
    ),
    told as (
        from proxied
        union all
        select
            ts,
            coalesce(host, ip),
            method,
            split_part(uri, '?', 1) as path,
            regexp_replace(
                regexp_replace(path, '/(identifier|proxy|device)/[^/]+', '/\1/:id'),
                '/\d+\b',
                '/:id',
                'g'
            ),
            case
                when contains(uri, '/osquery/')
                then 'osquery'
                when contains(uri, '/orbit/')
                then 'orbit'
                when contains(uri, '/fleet/device/')
                then 'desktop'
                when starts_with(uri, '/mdm/') or starts_with(uri, '/api/mdm/')
                then 'mdm'
                else 'api'
            end,
            null,
            took_s,
            'fleet_server'
        from fleet_server
        where
            component = 'http'
            and uri is not null
            and ts < getvariable('until')
            and not exists (from nginx_access where ts < getvariable('until'))
            and not exists (from alb_access where ts < getvariable('until'))
    )
select
    t.ts,
    coalesce(a.host, t.host) as host,
    t.method,
    t.path,
    t.endpoint,
    t.channel,
    t.status,
    t.took_s,
    t."table"
from told as t
left join alias_spans as a on a.alias = lower(t.host) and t.ts >= a.since and t.ts < a.until
