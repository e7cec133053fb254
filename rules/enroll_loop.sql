-- title:    Enroll loop
-- severity: medium
-- explains: osquery-stalled
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} {told}
-- together: {hosts} {have} been enrolling over and over {when}
-- rows:     enrollments (host)
--
-- A host enrolls once in its life, and once more where its agent is installed anew. Three times
-- within an hour is a loop: each enrollment takes the node key from whoever had it, so details,
-- labels and policies are begun again and again. Mostly two machines share a UUID
-- (`shared_identity`), or Fleet has two rows of one; else the agent cannot keep its key, or Fleet
-- refuses it. Two enrollments, of orbit and of osquery, are one; a few in a day while somebody
-- tries things are harmless. Look first at `duplicates`, then at what orbit says as it starts.
--
with
    told as (
        -- orbit and osquery enroll one after the other
        select
            host,
            "table",
            time_bucket(interval 2 minutes, ts) as ts,
            min(ts) as first_ts,
            max(ts) as last_ts,
            count(*) filter (where kind = 'refused') as refused
        from enrollments
        where ts >= getvariable('since') - interval 1 hour
        group by host, "table", time_bucket(interval 2 minutes, ts)
    ),
    rates as (
        select *, min(first_ts) over hour as hour_since, count(*) over hour as in_hour
        from told
        window
            hour as (
                partition by host, "table"
                order by ts range between interval 1 hour preceding and current row
            )
    ),
    loops as (
        select
            host, "table", min(hour_since) as since, max(last_ts) as until, max(in_hour) as in_hour
        from rates
        where in_hour >= 3
        group by host, "table"
    )
select
    host,
    min(since) as since,
    max(until) as until,
    max(in_hour) as enrollments_in_an_hour,
    list_sort(list("table")) as logs,
    'enrolls over and over, ' || max(in_hour) || ' times within an hour' as told
from loops
where until >= getvariable('since')
group by host
order by since, host
