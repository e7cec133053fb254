-- title:    Refused node key
-- severity: high
-- explains: host-offline
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    Fleet refuses the node key of {host} ({events} times, {since} to {until})
-- together: Fleet refuses the node key of {hosts} {when}
-- rows:     osquery_requests (host)
--
-- Whoever enrolls gets a key, and Fleet answers 401 to any other: to a host that was deleted there,
-- or whose new key was overwritten by a second enrollment at the same moment. osqueryd enrolls
-- anew after the first 401, and all is well a moment later: only refusals that go on count. A host
-- that Fleet has deleted is known by its address alone, and hosts that share one hide each other.
-- Look first whether the host is still on Fleet's list, then restart its agent.
--
with
    refusals as (
        select host, since, until, refused as events
        from osquery_requests
        where refused > 0 and kind not in ('enroll', 'orbit/enroll')
        union all
        select host, ts, ts, 1
        from fleet_complaints
        where kind = 'node key refused' and host is not null
        union all
        select host, ts, ts, 1
        from agent_errors
        where kind = 'node key refused'
    ),
    served as (
        select host, max(until) as last_ts
        from osquery_requests
        where
            "table" in ('nginx_access', 'alb_access')
            and requests > refused + failed
            and kind not in ('enroll', 'orbit/enroll')
        group by host
    )
select r.host, min(r.since) as since, max(r.until) as until, sum(r.events) as events
from refusals as r
join policy as p on p.scope = 'all'
left join served as s on s.host = r.host
where s.last_ts is null or r.since > s.last_ts
group by r.host
having sum(r.events) >= 3 and max(r.until) - min(r.since) > any_value(p.reads_after)
order by since, r.host
