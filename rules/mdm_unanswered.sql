-- title:    Unanswered MDM
-- severity: medium
-- explains: mdm-channel
-- strength: fair
-- needs:    fleet_hosts, fleet_profiles | fleet_commands
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} is heard by osquery, not by MDM: {what} waits for {age}, last heard {last}{hint}
-- together: {hosts} {have} fetched nothing by MDM {when}
-- rows:     commands (host)
--
-- Something was queued for a Mac that osquery shows online all the time, Fleet pushes it each
-- minute, and not one MDM check-in came since. So the push does not arrive (the certificate
-- that Fleet pushes with, Apple's network, port 5223) or the Mac cannot answer it (its
-- identity certificate). A Mac that was off or asleep is not here: what counts is the time
-- since it came back; nor one that answered NotNow and is not pushed again. Look first whether
-- one Mac has it, or all that something was queued for: then it is the push certificate or the
-- server. A Mac with three commands waiting that never spoke MDM at all, while others do, may
-- have its enrollment from another Mac by Migration Assistant, without the key that belongs to
-- it.
--
with
    waits as (
        select host, since, until, 'profile ' || profile as what, false as command
        from pending
        where
            status = 'pending'
            -- a declaration has no command of its own: the Mac is told by one that is in the queue
            and (not starts_with(profile_uuid, 'd') or not exists (from commands))
        union all
        select
            host,
            queued_at,
            until,
            coalesce(request_type || coalesce(' ' || name, ''), 'a command'),
            true
        from commands
        where status = 'pending'
    ),
    dated as (
        select w.*, s.last_ts, if(s.last_ts is null, w.until, s.known_until) as known_until
        from waits as w
        left join mdm_contacts as s on s.host = w.host
        where
            coalesce(s.last_ts < w.since, w.command)
            and (w.host not in (select host from commands where status = 'not now'))
    ),
    judged as (
        select
            d.*,
            h.os_version,
            h.hardware_model,
            h.mdm_after,
            h.pending_after,
            known_until - greatest(d.since, o.since) as online,
            known_until - greatest(d.last_ts, o.since) as quiet
        from dated as d
        join hosts as h on h.host = d.host
        join online as o on o.host = d.host and o.last_checkin >= d.known_until - o.allowed_silence
        where
            h.platform = 'darwin'
            and starts_with(h.mdm_enrollment_status, 'On')
            and coalesce(h.mdm_connected, true)
    ),
    served as (select distinct host from commands where acknowledged_at is not null)
select
    host,
    min(since) as since,
    max(known_until) as until,
    arg_min(what, (since, what)) as what,
    max(known_until) - min(since) as age,
    coalesce(strftime(max(last_ts), '%Y-%m-%d %H:%M UTC'), 'never') as last,
    count(*) as waiting,
    any_value(os_version) as os_version,
    if(
        starts_with(any_value(hardware_model), 'VirtualMac')
        and starts_with(any_value(os_version), 'macOS 27')
        and host not in (from served),
        '; it is a virtual Mac with macOS 27, and those are enrolled but never served (Apple FB24544271)',
        ''
    ) as hint
from judged
where online > pending_after and coalesce(quiet <= mdm_after, true)
group by host
having
    max(last_ts) is not null
    or (count(*) > 2 and exists (from hosts where last_mdm_checked_in_at is not null))
order by since, host
