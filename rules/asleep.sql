-- title:    Asleep
-- severity: low
-- explains: host-asleep
-- needs:    unified_log
-- runs:     when asked
-- window:   24 hours
-- alert:    {host} has been asleep since {slept}, by its own log
-- together: {hosts} {are} asleep {when}
-- rows:     asleep
--
-- A Mac that sleeps checks in nowhere, and what is pushed to it waits until it wakes. It says so
-- itself, so this is an answer to why it is silent and no trouble: a fleet of laptops sleeps every
-- night. Hence it is only looked at when asked. A wake in the dark of half a minute belongs to
-- the sleep. Whoever has to reach it now wakes it; nobody else need do anything.
--
select
    s.host,
    min(z.since) as since,
    max(z.until) as until,
    strftime(s.since, '%Y-%m-%d %H:%M UTC') as slept,
    s.last_seen,
    s.expected_by
from heartbeat_states as s
join asleep as z on z.host = s.host and z.until > s.since
where s.state = 'asleep'
group by s.host, s.since, s.last_seen, s.expected_by
order by s.since, s.host
