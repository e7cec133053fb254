-- title:    Lost acknowledgement
-- severity: medium
-- explains: verification-stalled
-- every:    1 hour
-- window:   24 hours
-- alert:    {host} has profile {profile} since {installed}, but Fleet calls it pending
-- together: {hosts} {have} had a profile that Fleet calls pending {when}
-- rows:     found_profiles (host)
--
-- osquery lists the profile on the Mac, installed after it was queued, and Fleet still waits
-- for the answer to its command: the answer was lost on the way or in the database. An older
-- profile of the same name is what an update replaces and is not here; nor is a profile that
-- was installed within the quarter of an hour that a delivery may take. The next details
-- should turn it to verified; if not, send the profile again.
--
select
    p.host,
    p.since,
    p.until,
    p.profile,
    strftime(f.installed_at, '%Y-%m-%d %H:%M UTC') as installed,
    f.identifier,
    f.ts as found_at
from pending as p
join found_profiles as f on f.host = p.host and f.name = p.profile
join hosts as h on h.host = p.host
where
    p.status = 'pending'
    and p.operation is distinct from 'remove'
    and f.installed_at >= coalesce(p.not_before, p.since)
    and f.ts >= f.installed_at
    and p.until - greatest(f.installed_at, p.since) > h.pending_after
    and p.until >= getvariable('since')
order by p.since, p.host
