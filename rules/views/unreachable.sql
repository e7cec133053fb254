-- title: When hosts did not get through, to Fleet or to Apple
-- once:  yes
--
-- A row for each time in which a host said again and again that it found no name, no way or no
-- answer. `way` is mdm where only the programs that serve MDM and Apple's push failed while the
-- host was heard of as always: the way to Fleet is there, and something on it, or on that to
-- Apple, stops them alone. It is fleet in all other cases. A single failure is nothing, nor are
-- those of a host that sleeps: a laptop that wakes fails until its network is up.
--
with
    troubles as (
        select
            e.*,
            coalesce(h.network_after, p.network_after) as allowed,
            e."table" = 'unified_log'
            and e.kind <> 'offline'
            and coalesce(e.process not in ('orbit', 'osqueryd', 'fleet-desktop'), false) as of_mdm
        from agent_errors as e
        join policy as p on p.scope = 'all'
        left join hosts as h on h.host = e.host
        where
            e.kind in (
                'no such host',
                'connection refused',
                'timeout',
                'unreachable',
                'offline',
                'html answer',
                'no host in URL'
            )
            and not exists (
                from asleep as z where z.host = e.host and e.ts between z.since and z.until
            )
    ),
    steps as (
        -- the updater asks each quarter of an hour, all else within a minute
        select
            *,
            ts - lag(ts) over (partition by host, of_mdm order by ts)
            > if(kind in ('html answer', 'no host in URL'), interval 20 minutes, allowed) as fresh
        from troubles
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host, of_mdm order by ts) as run
        from steps
    ),
    runs as (
        select
            host,
            of_mdm,
            min(ts) as since,
            max(ts) as until,
            mode(kind) as kind,
            count(*) as events,
            list_sort(list(distinct kind)) as kinds,
            list_sort(list(distinct coalesce(process, "table"))) as programs,
            list_sort(list(distinct "table")) as logs,
            arg_max(message, ts) as last_message
        from numbered
        group by host, of_mdm, run
        having count(*) >= 3 and max(ts) - min(ts) >= any_value(allowed)
    ),
    heard as (
        select r.host, r.of_mdm, r.since
        from runs as r
        semi join
            contacts as c
            on c.host = r.host
            and c.channel not in ('own log', 'mdm')
            and c.first_ts <= r.since
            and c.last_ts >= r.until - interval 15 minutes
        anti join gaps as g on g.host = r.host and g.since < r.until and g.until > r.since
        where r.of_mdm
    )
select r.* exclude (of_mdm), if(h.host is null, 'fleet', 'mdm') as way
from runs as r
left join heard as h on h.host = r.host and h.of_mdm = r.of_mdm and h.since = r.since
