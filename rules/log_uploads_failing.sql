-- title:    Logs of hosts not taken
-- severity: medium
-- explains: collection-gap
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    Fleet refused {failed} of {requests} posts of logs, from {since} to {until}
-- together: Fleet did not take the logs of its hosts {when}
-- rows:     osquery_requests (kind)
--
-- Where Fleet cannot file what hosts report (a full disk, a stream that is throttled), it answers
-- their posts to /osquery/log with an error, and they keep their lines until their buffer is
-- full. Until then nothing is lost, but all of it comes late; what a rule reads of their logs
-- ends here. A few failures in a restart are harmless. Look first at where Fleet writes
-- osquery's logs.
--
with
    posts as (
        select *, sum(requests) over near as all_near, sum(failed) over near as failed_near
        from osquery_requests
        where kind = 'log'
        window
            near as (
                order by
                    bucket range
                    between interval 30 minutes preceding and interval 30 minutes following
            )
    )
select
    cast(null as varchar) as host,
    'log' as kind,
    min(since) filter (where failed > 0) as since,
    max(until) filter (where failed > 0) as until,
    cast(sum(failed) as bigint) as failed,
    cast(sum(requests) as bigint) as requests,
    count(distinct host) filter (where failed > 0) as hosts
from posts
where failed_near * 20 > all_near and failed_near >= 20
having count(*) > 0
