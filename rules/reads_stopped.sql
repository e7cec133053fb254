-- title:    Queries no longer asked for
-- severity: medium
-- explains: osquery-stalled
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} asks for no queries since {since}; it sent {others} other requests
-- together: {hosts} {have} asked for no queries {when}
-- rows:     osquery_requests (host)
--
-- osqueryd asks for queries every ten seconds, and apart from that fetches its configuration and
-- sends its logs. If the first stops and the others go on, its distributed runner hangs: the host
-- may still count as online, and answers neither details nor policies nor live queries. A host
-- that is silent altogether is no such case. Only a proxy's log shows it. Restarting the agent
-- mends it.
--
with
    ends as (
        select
            host,
            max(until) filter (where kind = 'distributed/read') as last_read,
            max(until) filter (where kind in ('config', 'log')) as last_other
        from osquery_requests
        where "table" in ('nginx_access', 'alb_access')
        group by host
    )
select
    e.host,
    e.last_read as since,
    e.last_other as until,
    sum(r.requests) as others,
    list_sort(list(distinct r.kind)) as kinds,
    h.os_version
from ends as e
join hosts as h on h.host = e.host
join
    osquery_requests as r
    on r.host = e.host
    and r.kind in ('config', 'log')
    and r.since > e.last_read
where e.last_other - e.last_read > h.reads_after
group by e.host, e.last_read, e.last_other, h.os_version
having sum(r.requests) >= 3
order by since, e.host
