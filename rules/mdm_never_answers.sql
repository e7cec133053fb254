-- title:    Unanswered MDM commands
-- severity: medium
-- explains: mdm-channel
-- every:    1 hour
-- window:   24 hours
-- alert:    {host} shows MDM {shown}, but {talked}; {commands} commands wait since {since}
-- together: {hosts} {have} MDM on and {have} answered no command {when}
-- rows:     fleet_commands (host)
--
-- Fleet believes that the Mac is enrolled, osquery is fine, and the Mac cannot speak MDM at all:
-- an assistant copied the profile to a new Mac without its private key, or the identity was
-- deleted. Commands pile up. One or two may have been sent just now; a Mac that is off, or that
-- checked in over MDM since the first of them, is another matter. Where Fleet is too old to say
-- when hosts checked in over MDM, nothing is claimed. Enroll the Mac anew.
--
with
    commands as (
        select
            coalesce(a.host, b.host) as host,
            c.command_uuid,
            arg_max(c.status, c.ts) as status,
            min(coalesce(c.updated_at, c.ts)) as sent_at,
            max(c.ts) as until
        from fleet_commands as c
        left join aliases as a on a.alias = lower(c.host_uuid)
        left join aliases as b on b.alias = lower(c.host)
        where c.ts < getvariable('until')
        group by coalesce(a.host, b.host), c.command_uuid
    ),
    waiting as (
        select
            host,
            min(sent_at) as since,
            max(until) as until,
            count(*) filter (where coalesce(status, 'Pending') = 'Pending') as commands,
            max(sent_at) filter (where coalesce(status, 'Pending') <> 'Pending') as answered_at
        from commands
        group by host
    )
select
    h.host,
    w.since,
    greatest(w.until, w.since) as until,
    w.commands,
    h.mdm_enrollment_status as shown,
    h.last_mdm_checked_in_at,
    coalesce(
        'its last MDM check-in was at ' || strftime(h.last_mdm_checked_in_at, '%Y-%m-%d %H:%M UTC'),
        'it never checked in over MDM'
    ) as talked,
    h.os_version
from waiting as w
join hosts as h on h.host = w.host
where
    w.commands >= 3
    and w.answered_at is null
    and w.until - w.since > h.pending_after
    and w.until >= getvariable('since')
    and starts_with(h.mdm_enrollment_status, 'On')
    and h.snapshot_at - h.seen_time <= h.heartbeat_period + h.heartbeat_grace
    and coalesce(h.last_mdm_checked_in_at < w.since, true)
    and exists (from hosts where last_mdm_checked_in_at is not null)
order by w.since, h.host
