-- title: Requests that reached Fleet
--
-- As the proxies in front of it saw them; Fleet's own log is used only where there is none of
-- theirs, since it tells of most requests only while it debugs. Behind a balancer the host is the
-- first of `x_forwarded_for`.
--
with
    proxied as (
        select
            ts,
            coalesce(trim(split_part(x_forwarded_for, ',', 1)), host) as host,
            endpoint,
            channel,
            status,
            took_s,
            'nginx_access' as "table"
        from nginx_access
        union all
        select ts, host, endpoint, channel, status, target_processing_time_s, 'alb_access'
        from alb_access
    ),
    told as (
        from proxied
        union all
        select ts, coalesce(host, ip), uri, component, null, took_s, 'fleet_server'
        from fleet_server
        where component = 'http' and not exists (from proxied)
    )
select t.ts, coalesce(a.host, t.host) as host, t.endpoint, t.channel, t.status, t.took_s, t."table"
from told as t
left join alias_spans as a on a.alias = lower(t.host) and t.ts >= a.since and t.ts < a.until
where t.ts < getvariable('until')
