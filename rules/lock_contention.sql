-- title:    Lock contention
-- severity: medium
-- explains: lock-contention
-- needs:    fleet_server | mysql_error
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     lock_waits
--
-- Fleet's database made requests wait for a lock, or rolled one of them back: profiles, details
-- or check-ins of those hosts were lost until the next try. A single deadlock that is tried again
-- is harmless; a burst means that much happened at once. Look at what ran in that minute: a
-- refetch of all hosts, a transfer between teams, an upload of a profile. A Mac's own "database
-- is locked" stands for that Mac alone.
--
with
    bursts as (
        select
            *,
            if(kind = 'sqlite', coalesce(host, emitter), null) as whom,
            ts - lag(ts) over (partition by whom order by ts) > interval 15 minutes as fresh
        from lock_waits
        where ts >= getvariable('since')
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by whom order by ts) as burst
        from bursts
    )
select
    whom as host,
    min(ts) as since,
    max(ts) as until,
    count(*) as waits,
    count(*) filter (where kind = 'deadlock') as deadlocks,
    count(distinct host) as hosts,
    list_sort(list(distinct table_name) filter (where table_name is not null)) as tables,
    list_sort(list(distinct endpoint) filter (where endpoint is not null)) as endpoints,
    max(took_s) as longest_s,
    if(whom is null, '', whom || ' says "database is locked": ')
    || count(*)
    || if(whom is null, ' lock waits and deadlocks from ', ' times from ')
    || strftime(min(ts), '%H:%M')
    || ' to '
    || strftime(max(ts), '%H:%M UTC')
    || coalesce(
        ' on '
        || nullif(array_to_string(tables[:3], ', '), '')
        || if(len(tables) > 3, ' and ' || (len(tables) - 3) || ' more', ''),
        ''
    ) as what
from numbered
group by whom, burst
having count(*) > 1
order by since
