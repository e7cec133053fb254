-- title:    No MDM check-in
-- severity: medium
-- explains: mdm-channel
-- every:    1 hour
-- window:   24 hours
-- alert:    {host} is online in osquery, but its last MDM check-in was {quiet} ago
-- together: {hosts} {have} been online without an MDM check-in {when}
-- rows:     checkins
--
-- "Online" in Fleet is osquery's word and says nothing of MDM: a Mac can be online for weeks
-- while no profile and no command reaches it. Look first at its identity certificate, then at its
-- network.
--
select
    h.host, max(c.ts) as since, h.seen_time as until, h.seen_time - max(c.ts) as quiet, h.os_version
from hosts as h
join checkins as c on c.host = h.host and c.channel = 'mdm'
where h.seen_time >= getvariable('since') and starts_with(h.mdm_enrollment_status, 'On')
group by h.host, h.seen_time, h.mdm_after, h.os_version
having h.seen_time - max(c.ts) > h.mdm_after
order by since, host
