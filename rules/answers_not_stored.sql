-- title:    Answers that were not stored
-- severity: medium
-- explains: osquery-stalled
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    Fleet could not store what {host} answered to {query} {events} times
-- together: Fleet could not store answers of {hosts} {when}
-- rows:     fleet_complaints (host, kind)
--
-- A details or policy query that the host answered and Fleet could not take in: only Fleet's own
-- log tells of it, neither the host nor the API does, and what it would have brought stays as it
-- was. Waits for locks are `lock_contention`'s, and a live query that nobody listens to any more
-- is harmless. Once is nothing, for the host answers again in an hour. Look first at the error.
--
select
    host,
    min(ts) as since,
    max(ts) as until,
    coalesce(mode(query), 'a query') as query,
    'answer not stored' as kind,
    count(*) as events,
    arg_max(message, ts) as last_message
from fleet_complaints
where kind = 'answer not stored'
group by host
having count(*) >= 3
order by since, host
