-- title: When each host's check-ins would have been seen
-- once:  yes
--
-- A log that showed a host's heartbeat would have shown the next beat too, for as long as that
-- log was collected: so a span ends where nobody's request came for longer than a heartbeat may
-- pause, for then it is the log that is missing, or the server, and no host. Fleet's snapshot
-- says when it last saw a host, so between that and the snapshot nothing came.
--
with
    lines as (
        select ts, emitter, 'nginx_access' as "table"
        from nginx_access
        union all
        select ts, emitter, 'alb_access'
        from alb_access
        union all
        select ts, emitter, 'fleet_server'
        from fleet_server
        where component = 'http' and level in ('debug', 'info') and contains(uri, '/osquery/')
    ),
    ticks as (
        select "table", emitter, min(ts) as first_ts, max(ts) as last_ts
        from lines
        where ts < getvariable('until')
        group by "table", emitter, time_bucket(interval 1 minute, ts)
    ),
    steps as (
        select
            *,
            first_ts - lag(last_ts) over (partition by "table", emitter order by first_ts) as quiet
        from ticks
    ),
    numbered as (
        select
            s.*,
            count(*) filter (where s.quiet > p.heartbeat_period + p.heartbeat_grace) over (
                partition by s."table", s.emitter order by s.first_ts
            ) as span
        from steps as s
        join policy as p on p.scope = 'all'
    ),
    spans as (
        select "table", emitter, min(first_ts) as since, max(last_ts) as until
        from numbered
        group by "table", emitter, span
    ),
    shown as (select distinct host, "table", emitter from contacts where beat)
select c.host, v.since, v.until, c."table", c.emitter
from shown as c
join spans as v on v."table" = c."table" and v.emitter is not distinct from c.emitter
union all
select
    coalesce(a.host, f.host) as host, f.seen_time as since, f.ts as until, 'fleet_hosts', f.emitter
from fleet_hosts as f
left join aliases as a on a.alias = lower(f.host)
where f.seen_time is not null and f.ts < getvariable('until')
