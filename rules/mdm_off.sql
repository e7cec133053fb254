-- title:    Lost MDM enrollment
-- severity: medium
-- explains: mdm-off
-- needs:    fleet_hosts
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host}: {what}{waiting}
-- together: {hosts} {have} lost MDM {when}
-- rows:     mdm_states (host)
--
-- Profiles reach a Mac only by the server that it is enrolled with. Where its enrollment is
-- gone, or belongs to another server, what Fleet has for it stays pending for ever and osquery
-- goes on as ever. A Mac that never had MDM is not here, nor one whose MDM was off before and
-- has nothing waiting; a personal enrollment is an enrollment. Look first at Fleet's
-- activities: who turned it off, or whether the Mac's owner removed the profile; then enroll
-- it again.
--
with
    waits as (select host, count(*) as profiles, min(since) as since from pending group by host),
    lost as (select host, max(ts) as ts from mdm_events where kind = 'unenrolled' group by host),
    judged as (
        select
            m.*,
            w.profiles,
            w.since as waiting_since,
            coalesce(
                m.before in ('on', 'pending') and m.since >= getvariable('since'), false
            ) as lost,
            l.ts as checked_out_at
        from mdm_states as m
        left join waits as w on w.host = m.host
        left join lost as l on l.host = m.host and l.ts between m.not_before and m.since
        where m.standing in ('off', 'elsewhere') and m.until >= getvariable('since')
    )
select
    host,
    coalesce(checked_out_at, since) as since,
    until,
    enrollment,
    server,
    profiles,
    waiting_since,
    case
        when standing = 'off'
        then 'its MDM is off'
        else 'it is enrolled with another server' || coalesce(' (' || nullif(server, '') || ')', '')
    end
    || ' since '
    || strftime(coalesce(checked_out_at, since), '%Y-%m-%d %H:%M UTC')
    || if(not_before is null, ' or earlier', '') as what,
    case
        when profiles = 1
        then '; a profile waits for it'
        when profiles > 1
        then '; ' || profiles || ' profiles wait for it'
        else ''
    end as waiting
from judged
where profiles > 0 or lost
order by since, host
