-- title:    Unanswered refetch
-- severity: medium
-- explains: osquery-stalled
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} has not answered a refetch for {age}, though it was online
-- together: {hosts} {have} left a refetch unanswered {when}
-- rows:     fleet_hosts (host)
--
-- A refetch asks osquery for all details at the next check-in, some seconds later; Fleet's own
-- page gives up after 140 seconds. A host that is offline answers when it is back and is not
-- here; nor is one that answered in between, whose details are newer. It moves no profile from
-- pending: that takes MDM. Look first at the host's own log for a watchdog that stops osquery's
-- worker, or for a query that fails.
--
with
    asked as (
        select
            coalesce(a.host, f.host) as host,
            f.detail_updated_at,
            min(f.ts) as since,
            max(f.ts) as until,
            count(*) as snapshots,
            bool_and(f.ts - f.seen_time <= h.heartbeat_period + h.heartbeat_grace) as online,
            any_value(h.refetch_after) as allowed,
            any_value(h.os_version) as os_version
        from fleet_hosts as f
        left join aliases as a on a.alias = lower(f.host)
        join hosts as h on h.host = coalesce(a.host, f.host)
        where f.ts >= getvariable('since') and f.ts < getvariable('until') and f.refetch_requested
        group by coalesce(a.host, f.host), f.detail_updated_at
    ),
    away as (
        select distinct q.host, q.since
        from asked as q
        join gaps as g on g.host = q.host and g.since < q.until and g.until > q.since
        where g.state in ('gap', 'asleep', 'silent')
    )
select
    q.host,
    q.since,
    q.until,
    q.until - q.since as age,
    q.allowed,
    q.snapshots,
    q.detail_updated_at,
    q.os_version,
    count(e.ts) as desktop_errors
from asked as q
left join
    agent_errors as e
    on e.host = q.host
    and e.kind = 'desktop error'
    and e.ts between q.since and q.until
where q.online and q.until - q.since > q.allowed and (q.host, q.since) not in (from away)
group by q.host, q.since, q.until, q.allowed, q.snapshots, q.detail_updated_at, q.os_version
qualify row_number() over (partition by q.host order by q.until desc) = 1
order by q.since, q.host
