-- title:    Standing NotNow
-- severity: medium
-- explains: not-now
-- needs:    fleet_commands
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} answered NotNow to {what} {age} ago and was not asked again{because}
-- together: {hosts} {have} answered NotNow {when}
-- rows:     commands (host, status)
--
-- NotNow means later: the Mac slept with its lid closed, was locked, or was busy. Fleet does
-- not push it again for such a command, so if nothing else is queued it stays pending until
-- the Mac asks by itself. A NotNow with another answer soon after is how it should be and is
-- not here, nor is a Mac that has been asleep or off since. Look first whether somebody is
-- logged in; any other command (a refetch will not do, an APNs ping does) makes the Mac ask.
--
with
    reasons as (
        select host, arg_max(detail, ts) as reason
        from mdm_events
        where kind = 'refusal' and contains(message, 'NotNow')
        group by host
    )
select
    c.host,
    min(c.since) as since,
    max(c.until) as until,
    'not now' as status,
    arg_min(coalesce(c.request_type || coalesce(' ' || c.name, ''), 'a command'), c.since)
    || if(count(*) > 1, ' and ' || (count(*) - 1) || ' more', '') as what,
    max(c.until) - min(c.since) as age,
    coalesce(': ' || any_value(r.reason), '') as because,
    count(*) as commands
from commands as c
join hosts as h on h.host = c.host
join online as o on o.host = c.host and o.last_checkin >= c.until - o.allowed_silence
left join reasons as r on r.host = c.host
where
    c.status = 'not now'
    and c.until - greatest(c.since, o.since) > h.pending_after
    and c.until >= getvariable('since')
group by c.host
order by since, c.host
