-- title:    Repeated enrollment
-- severity: medium
-- explains: agent-crash-loop
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} {what} {events} times, from {since} to {until}
-- together: {hosts} {have} enrolled again and again {when}
-- rows:     osquery_requests (host)
--
-- A host enrolls once in its life, and once more when its agent is installed anew. Three times
-- within an hour, or refused because it was too often, its agent loses its key at each start, or
-- another machine takes it away by enrolling under the same name. Attempts that fail are no
-- enrollments, and hosts that share an address are not told apart. Look first whether two
-- machines share a hardware UUID, then at orbit's log.
--
with
    enrolled as (
        select
            r.host,
            r.since,
            r.until,
            r.requests - r.refused - r.failed as events,
            'enrolled' as what
        from osquery_requests as r
        join hosts as h on h.host = r.host
        where
            r.kind = 'enroll'
            and r."table" in ('nginx_access', 'alb_access')
            and r.requests > r.refused + r.failed
        union all
        select host, ts, ts, 1, 'was refused, for it enrolls too often,'
        from fleet_complaints
        where kind = 'enrolling too often'
    ),
    runs as (
        select
            *,
            since - lag(until) over (partition by host, what order by since)
            > interval 1 hour as fresh
        from enrolled
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host, what order by since) as run
        from runs
    )
select host, min(since) as since, max(until) as until, what, cast(sum(events) as bigint) as events
from numbered
group by host, what, run
having sum(events) >= 3
order by since, host
