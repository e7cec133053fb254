-- title: Every proof that a host was alive, from every log
--
-- `channel` says how: osquery, orbit, desktop and mdm are requests that reached Fleet or the
-- proxy; own log is a line that the host itself wrote; seen is Fleet's word for the last osquery
-- request. A failed request is a proof of life too. `beat` marks a line of a log that has one for
-- each of a host's many requests, so that their absence means something: Fleet's own log has
-- those that succeed only while it debugs. Names are resolved, addresses as of the time of the
-- check-in; behind a balancer the first of `x_forwarded_for` is the host's. A name nobody knows
-- stays as it was.
--
with
    sightings as (
        select
            ts,
            coalesce(trim(split_part(x_forwarded_for, ',', 1)), host) as name,
            channel,
            'nginx_access' as "table",
            emitter,
            channel = 'osquery' as beat
        from nginx_access
        where channel in ('osquery', 'orbit', 'desktop', 'mdm')
        union all
        select ts, host, channel, 'alb_access', emitter, channel = 'osquery'
        from alb_access
        where channel in ('osquery', 'orbit', 'desktop', 'mdm')
        union all
        select
            ts,
            coalesce(host, ip),
            case
                when contains(uri, '/osquery/')
                then 'osquery'
                when contains(uri, '/orbit/')
                then 'orbit'
                when contains(uri, '/fleet/device/')
                then 'desktop'
                when starts_with(uri, '/mdm/apple/')
                then 'mdm'
            end as channel,
            'fleet_server',
            emitter,
            channel = 'osquery' and level in ('debug', 'info')
        from fleet_server
        where component = 'http' and channel is not null
        union all
        select ts, host, 'own log', 'orbit', emitter, false
        from orbit
        union all
        select ts, host, 'own log', 'osquery_status', emitter, false
        from osquery_status
        union all
        select ts, host, 'osquery', 'osquery_results', emitter, false
        from osquery_results
        union all
        select ts, host, 'own log', 'unified_log', emitter, false
        from unified_log
    )
select
    s.ts,
    coalesce(a.host, s.name) as host,
    s.channel,
    s."table",
    s.emitter,
    coalesce(s.beat, false) as beat
from sightings as s
left join alias_spans as a on a.alias = lower(s.name) and s.ts >= a.since and s.ts < a.until
where s.name is not null and s.ts < getvariable('until')
union all
select told.ts, host, told.channel, 'fleet_hosts', emitter, false
from
    (
        select
            host,
            emitter,
            unnest(
                [{'ts':seen_time, 'channel':'seen'}, {'ts':last_mdm_checked_in_at, 'channel':'mdm'}]
            ) as told
        from host_snapshots
    )
where told.ts < getvariable('until')
