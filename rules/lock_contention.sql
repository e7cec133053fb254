-- title:    Lock contention
-- severity: medium
-- explains: lock-contention
-- needs:    fleet_server
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     lock_waits (scope)
--
-- Fleet's database made requests wait for a lock, or rolled one of them back: profiles,
-- details or check-ins of those hosts were lost until the next try. A single deadlock is
-- harmless, for Fleet tries again; so are two that only MySQL's log tells of, since Fleet
-- heard of no failure. A burst means that much happened at once. Look first at what was done
-- in the minutes before (`done`: hosts moved between teams, a profile uploaded or deleted,
-- many hosts enrolled) and at `request_storm`; then at `held_by`, the statement that held the
-- lock, and at hosts that share one hardware UUID (`same_uuid`), for these update the same
-- row. Whose writes were lost is told by `lost_writes`.
--
with
    waits as (select * from lock_waits where scope = 'server'),
    fresh as (
        select w.*, w.ts - lag(w.ts) over (order by w.ts) > p.burst_gap as fresh, p.storm_within
        from waits as w
        join policy as p on p.scope = 'all'
    ),
    numbered as (select *, count(*) filter (where fresh) over (order by ts) as burst from fresh),
    bursts as (
        select
            min(ts) as since,
            max(ts) as until,
            'server' as scope,
            count(*) as waits,
            count(*) filter (where kind = 'deadlock') as deadlocks,
            count(distinct host) as hosts,
            count(distinct host) filter (where lost) as hosts_that_lost,
            list_sort(list(distinct table_name) filter (where table_name is not null)) as tables,
            list_sort(list(distinct endpoint) filter (where endpoint is not null)) as endpoints,
            max(took_s) as longest_s,
            any_value(held_by) as held_by,
            any_value(storm_within) as storm_within
        from numbered
        group by burst
        having
            count(*) filter (where "table" in ('fleet_server', 'fleet_errors')) > 1 or count(*) > 2
    ),
    done as (
        select b.since, list_sort(list(distinct replace(a.type, '_', ' '))) as done
        from bursts as b
        join fleet_activities as a on a.ts between b.since - b.storm_within and b.until
        where
            regexp_matches(
                a.type,
                '^(transferred|enabled|created|edited|deleted|added|updated)_|^fleet_enrolled'
            )
        group by b.since
    ),
    shared as (
        select count(*) as same_uuid
        from (select uuid from hosts where uuid is not null group by uuid having count(*) > 1)
    )
select
    cast(null as varchar) as host,
    b.* exclude (storm_within),
    d.done,
    s.same_uuid,
    b.waits
    || ' lock waits and deadlocks from '
    || strftime(b.since, '%H:%M')
    || ' to '
    || strftime(b.until, '%H:%M UTC')
    || coalesce(
        ' on '
        || nullif(array_to_string(b.tables[:3], ', '), '')
        || if(len(b.tables) > 3, ' and ' || (len(b.tables) - 3) || ' more', ''),
        ''
    )
    || coalesce(', around: ' || array_to_string(d.done[:3], ', '), '') as what
from bursts as b
cross join shared as s
left join done as d on d.since = b.since
order by b.since
