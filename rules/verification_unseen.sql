-- title:    Verification that nobody can judge
-- severity: low
-- explains: verification-stalled
-- strength: weak
-- runs:     when asked
-- window:   24 hours
-- alert:    {host}: {what}
-- together: {hosts} {have} a profile that nobody can say is verifiable {when}
-- rows:     profile_states (host, profile)
--
-- The Mac has the profile and said so, longer ago than `verifying_after`, and no details came
-- since that could have verified it: half of `verifying_after` after delivery, which is Fleet's
-- grace. Whether they would, nobody knows. No trouble by itself: what keeps the details away is
-- told of by `osquery_stalled` or `lost_writes`; but that the profile cannot be verified is not
-- ruled out either. A declaration is never verified by osquery and is not here.
--
select
    p.host,
    p.since,
    p.until,
    'profile '
    || p.profile
    || ' is delivered since '
    || strftime(p.since, '%Y-%m-%d %H:%M UTC')
    || ', and no details came since that could have verified it' as what,
    p.profile,
    h.detail_updated_at
from profile_states as p
join hosts as h on h.host = p.host
where
    p.status = 'verifying'
    and p.until >= getvariable('since')
    and p.until - p.since > h.verifying_after
    and not starts_with(coalesce(p.profile_uuid, ''), 'd')
    and coalesce(h.detail_updated_at - p.since <= h.verifying_after / 2, true)
order by p.since, p.host
