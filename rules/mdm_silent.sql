-- title:    No MDM check-in
-- severity: medium
-- explains: mdm-channel
-- needs:    fleet_hosts
-- every:    1 hour
-- window:   24 hours
-- alert:    {host} is online in osquery, but its last MDM check-in was {quiet} ago
-- together: {hosts} {have} been online without an MDM check-in {when}
-- rows:     checkins
--
-- "Online" in Fleet is osquery's word and says nothing of MDM: a Mac can be online for weeks
-- while no profile and no command reaches it. One that was off or asleep could not check in
-- either: as far as that is known, it does not count. Look first at its identity certificate,
-- then at its network.
--
with
    last as (
        select h.host, h.seen_time, h.mdm_after, h.os_version, max(c.ts) as since
        from hosts as h
        join checkins as c on c.host = h.host and c.channel = 'mdm'
        where
            h.seen_time >= getvariable('since')
            and h.snapshot_at - h.seen_time <= h.heartbeat_period + h.heartbeat_grace
            and starts_with(h.mdm_enrollment_status, 'On')
        group by all
    ),
    away as (
        select l.host, sum(epoch(g.until - greatest(g.since, l.since))) as seconds
        from last as l
        join gaps as g on g.host = l.host and g.state in ('gap', 'asleep') and g.until > l.since
        group by l.host
    )
select
    l.host,
    l.since,
    l.seen_time as until,
    l.seen_time - l.since as quiet,
    to_seconds(coalesce(a.seconds, 0)) as away,
    l.os_version
from last as l
left join away as a on a.host = l.host
where l.seen_time - l.since - to_seconds(coalesce(a.seconds, 0)) > l.mdm_after
order by l.since, l.host
