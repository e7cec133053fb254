-- title:    Stuck in Pending
-- severity: high
-- needs:    fleet_profiles
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host}: {what} is {status} for {age}; {allowed} is normal while online
-- together: {hosts} {have} been {label} {when}
-- rows:     profile_states
--
-- An online Mac gets a profile within minutes: Fleet queues it within 30 seconds and pushes each
-- minute. Pending longer than that means that the MDM channel did not carry it, whatever osquery
-- says; verifying for two hours means that the Mac has it and osquery did not confirm it. A host
-- that is off or asleep may stay pending for days and is not here, nor one that has only just
-- come back: what counts is the time that it was online. Its own log is no proof that it reached
-- anyone. Look first whether other hosts are pending too: then it is the push certificate or the
-- server.
--
with
    alive as (
        select host, max(last_ts) as last_checkin
        from contacts
        where channel <> 'own log'
        group by host
    ),
    returns as (
        select host, max(back) as back from gaps where state in ('gap', 'asleep') group by host
    ),
    judged as (
        select
            p.*,
            a.last_checkin,
            p.until - p.since as age,
            p.until - greatest(p.since, r.back) as online,
            case p.status when 'pending' then h.pending_after else h.verifying_after end as allowed,
            h.heartbeat_period + h.heartbeat_grace as allowed_silence,
            h.os_version,
            h.platform
        from pending as p
        join hosts as h on h.host = p.host
        join alive as a on a.host = p.host
        left join returns as r on r.host = p.host and r.back <= p.until
        where lower(coalesce(h.mdm_enrollment_status, '')) <> 'pending'
    )
select
    host,
    since,
    until,
    profile,
    if(operation = 'remove', 'the removal of profile ', 'profile ') || profile as what,
    status,
    upper(status[1]) || status[2:] as label,
    age,
    online,
    allowed,
    operation,
    detail,
    os_version,
    not_before,
    last_checkin
from judged
where online > allowed and last_checkin >= until - allowed_silence and until >= getvariable('since')
order by since, host
