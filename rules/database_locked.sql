-- title:    Database locked on a host
-- severity: low
-- explains: lock-contention
-- needs:    orbit, unified_log
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {hosts} {have} a database that is locked {when}
-- rows:     lock_waits (host, scope)
--
-- A management program of the host (MDM client, osquery, orbit) found its own database locked,
-- again and again within minutes: what it was to store or read then did not happen, and osquery
-- does not start at all without its own. Once is harmless, for it tries again; so is a locked
-- database of a browser that a scheduled query reads, or of any other program. Look first at
-- what else has the file open (`lsof`): a backup, a virus scanner, a second copy of the agent.
--
with
    fresh as (
        select w.*, w.ts - lag(w.ts) over (partition by w.host order by w.ts) > p.burst_gap as fresh
        from lock_waits as w
        join policy as p on p.scope = 'all'
        where w.scope = 'host'
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host order by ts) as burst
        from fresh
    )
select
    host,
    min(ts) as since,
    max(ts) as until,
    'host' as scope,
    count(*) as times,
    list_sort(list(distinct "table")) as logs,
    any_value(message) as message,
    host || if(
        bool_or(kind = 'rocksdb'),
        ' finds the database of osquery locked: ',
        ' says "database is locked": '
    )
    || count(*)
    || ' times from '
    || strftime(min(ts), '%H:%M')
    || ' to '
    || strftime(max(ts), '%H:%M UTC') as what
from numbered
group by host, burst
having count(*) > 1
order by since, host
