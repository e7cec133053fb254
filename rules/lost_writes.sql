-- title:    Details lost to a lock
-- severity: medium
-- explains: lock-contention
-- needs:    fleet_server
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: details of {hosts} were lost to locks in Fleet's database {when}
-- rows:     lock_waits (host, scope)
--
-- The host sent what Fleet had asked it (software, users, profiles), and a lock in Fleet's
-- database kept it from being stored: Fleet shows old details, and a profile stays as it was,
-- until the host is asked again. It is told of if Fleet's next list of hosts shows that the
-- details did not advance since; where no list came after it, if it happened to the host more
-- than once. Harmless is one lost write after which the details were updated. Look first at
-- `lock_contention`, which tells what else ran then; "Refetch" asks the host anew.
--
with
    lost as (select * from lock_waits where lost and host is not null),
    fresh as (
        select l.*, l.ts - lag(l.ts) over (partition by l.host order by l.ts) > p.burst_gap as fresh
        from lost as l
        join policy as p on p.scope = 'all'
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host order by ts) as burst
        from fresh
    ),
    bursts as (
        select
            host,
            min(ts) as since,
            max(ts) as until,
            'server' as scope,
            count(*) as times,
            list_sort(list(distinct table_name) filter (where table_name is not null)) as tables,
            max(took_s) as longest_s,
            arg_max(message, ts) as message
        from numbered
        group by host, burst
    )
select
    b.*,
    h.detail_updated_at,
    h.snapshot_at,
    b.host
    || ': Fleet could not store its details'
    || coalesce(' in ' || nullif(array_to_string(b.tables, ', '), ''), '')
    || ', '
    || if(b.times = 1, 'once', b.times || ' times')
    || if(b.times = 1, ', at ', ', last at ')
    || strftime(b.until, '%H:%M UTC')
    || if(
        h.snapshot_at > b.until and h.detail_updated_at is not null,
        '; they are of ' || strftime(h.detail_updated_at, '%H:%M UTC'),
        ''
    ) as what
from bursts as b
left join hosts as h on h.host = b.host
where if(h.snapshot_at > b.until, coalesce(h.detail_updated_at < b.until, b.times > 1), b.times > 1)
order by since, host
