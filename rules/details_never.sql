-- title:    Missing details
-- severity: medium
-- explains: osquery-stalled
-- needs:    fleet_hosts
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} enrolled {age} ago and is heard of, but never sent any details
-- together: {hosts} {have} been enrolled without any details {when}
-- rows:     fleet_hosts (host)
--
-- Fleet has the host on its list, its agent checks in, and yet every detail is empty: a proxy that
-- lets orbit through and not osqueryd, an osqueryd that cannot enrol, or one that is killed at its
-- first query. A host that was enrolled some minutes ago is still about to answer, one that Apple
-- only promised (Pending in Apple Business Manager) has no agent, and one of which nobody ever
-- heard is `heartbeat_gap`'s; where no host on the list has details, the list does not tell of
-- them. From macOS 15 on, a question whether osquery may find devices on the
-- local network may stand on the screen at the same time; it holds nothing up. Look first at
-- orbit's log for what osqueryd says while it enrols.
--
with
    contact as (
        select host, max(last_ts) as last_ts, list_sort(list(distinct channel)) as channels
        from contacts
        where channel <> 'own log'
        group by host
    )
select
    h.host,
    h.last_enrolled_at as since,
    h.snapshot_at as until,
    h.snapshot_at - h.last_enrolled_at as age,
    h.enrolled_after as allowed,
    c.channels,
    h.orbit_version,
    h.os_version
from hosts as h
join contact as c on c.host = h.host
where
    h.detail_updated_at is null
    and exists (from hosts where detail_updated_at is not null)
    and h.snapshot_at >= getvariable('since')
    and h.last_enrolled_at is not null
    and h.heartbeat_period is not null
    and lower(coalesce(h.mdm_enrollment_status, '')) <> 'pending'
    and least(c.last_ts, h.snapshot_at) - h.last_enrolled_at > h.enrolled_after
    and h.snapshot_at - c.last_ts <= h.enrolled_after
order by since, h.host
