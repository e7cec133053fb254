-- title:    Command too old to be pushed
-- severity: medium
-- explains: queue-blocked
-- strength: fair
-- needs:    fleet_commands
-- every:    1 hour
-- window:   7 days
-- alert:    {host}: {what} waits for {age}, and Fleet pushes it no more
-- together: {hosts} {have} had a command too old to be pushed {when}
-- rows:     commands (host)
--
-- Fleet pushes the Macs that have a command waiting each minute, but looks back no further
-- than a week. What is older is fetched only if the Mac asks for another reason, so a host
-- that comes back from a long leave may be online and keep it pending for ever. One that is
-- still away is not here, nor one that came back just now. Any new command, or an APNs ping,
-- makes the Mac fetch all.
--
select
    c.host,
    min(c.queued_at) as since,
    max(c.until) as until,
    arg_min(coalesce(c.request_type || coalesce(' ' || c.name, ''), 'a command'), c.queued_at)
    || if(count(*) > 1, ' with ' || (count(*) - 1) || ' more', '') as what,
    max(c.until) - min(c.queued_at) as age,
    count(*) as commands
from commands as c
join hosts as h on h.host = c.host and starts_with(h.mdm_enrollment_status, 'On')
join online as o on o.host = c.host and o.last_checkin >= c.until - o.allowed_silence
where
    c.status = 'pending'
    and c.until - c.queued_at > h.pushed_for
    and c.until - greatest(c.queued_at, o.since) > h.pending_after
    and c.until >= getvariable('until') - interval 1 day
group by c.host
order by since, c.host
