-- title:    Pending profile without a command
-- severity: medium
-- explains: server-error
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host}: profile {profile} is pending for {age}, and Fleet made no command for it
-- together: {hosts} {have} had a profile that Fleet made no command for {when}
-- rows:     pending
--
-- Every half a minute Fleet makes a command of each profile that is due. A profile that has
-- none a quarter of an hour later was passed over: the job failed, or waits for a lock, and
-- Fleet's log says `mdm_apple_profile_manager` with an error. A profile whose command was only
-- seen after it was answered has one too; where the list of commands was not collected since,
-- nothing is claimed. Look first at Fleet's log, then whether other hosts lack theirs.
--
with
    listed as (
        select max(ts) as until
        from fleet_commands
        where ts < getvariable('until') and not contains(coalesce(request, ''), 'host_identifier=')
    ),
    looks as (
        -- a host whose only profile was taken back is asked and gives no row: the look before that
        -- one only makes the span longer in which a command may have been made
        select distinct coalesce(a.host, f.host) as host, f.ts
        from fleet_profiles as f
        left join aliases as a on a.alias = lower(f.host)
        where f.ts < getvariable('until')
    ),
    made as (
        select distinct host, queued_at
        from commands
        where
            request_type is null
            or request_type in ('InstallProfile', 'RemoveProfile', 'DeclarativeManagement')
    )
select
    p.host,
    p.since,
    least(p.until, l.until) as until,
    p.profile,
    p.operation,
    least(p.until, l.until) - p.since as age,
    p.status,
    b.ts as not_before
from pending as p
asof join looks as b on b.host = p.host and p.since > b.ts
cross join listed as l
join hosts as h on h.host = p.host and h.platform = 'darwin'
where
    p.status = 'pending'
    and starts_with(h.mdm_enrollment_status, 'On')
    and least(p.until, l.until) - p.since > h.pending_after
    and p.until >= getvariable('since')
    and not exists (from made as m where m.host = p.host and m.queued_at >= b.ts)
    and not exists (from commands as c where c.host = p.host and c.status in ('pending', 'not now'))
order by p.since, p.host
