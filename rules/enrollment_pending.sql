-- title:    Outstanding enrollment
-- severity: low
-- explains: enrollment-pending
-- needs:    fleet_hosts
-- every:    1 day
-- window:   24 hours
-- alert:    {host} is assigned to Fleet since {day} and was never enrolled
-- together: {hosts} {have} yet to be enrolled {when}
-- rows:     mdm_states (host)
--
-- Apple Business Manager has given the Mac to Fleet, and it has not come yet: it is called
-- Pending, which has nothing to do with a profile that waits. A new box in its wrapping is
-- that for weeks, and nothing is wrong with it; so this is no trouble but an answer, and tells
-- since when. Where the Mac is in use, it was set up without the network or restored from
-- another one: it gets the enrollment with `profiles renew -type enrollment`, or by being
-- erased.
--
select
    m.host,
    coalesce(if(m.before is null, m.created_at, null), m.since) as since,
    m.until,
    strftime(coalesce(if(m.before is null, m.created_at, null), m.since), '%Y-%m-%d') as day,
    h.hardware_serial,
    h.hardware_model,
    m.seen_time
from mdm_states as m
join hosts as h on h.host = m.host
where m.standing = 'pending' and m.until >= getvariable('since')
order by since, m.host
