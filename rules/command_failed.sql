-- title:    Refused command or profile
-- severity: high
-- explains: command-failed
-- needs:    fleet_profiles | fleet_commands
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} refuses {what}: {reason}{tries}
-- together: {hosts} {have} refused {what} {when}
-- rows:     commands (host)
--
-- The Mac took the command and answered that it cannot: waiting will not help. Fleet tries a
-- profile again before it calls it failed, so an error whose next try went well is not here,
-- nor a removal of what was not there. A profile that was delivered and then not found is
-- another matter (`verification_stalled`). Look first at the reason, then whether all hosts
-- refuse it: then it is the profile itself, else a payload of the same kind that this Mac has
-- already.
--
with
    reasons as (
        select host, ts, detail
        from mdm_events
        where kind = 'refusal' and contains(message, 'ErrorChain')
    ),
    failures as (
        select c.*, arg_max(r.detail, r.ts) as reason
        from commands as c
        left join
            reasons as r
            on r.host = c.host
            and r.ts between c.failed_at - interval 2 minutes and c.failed_at + interval 1 minute
        where c.status in ('error', 'format error')
        group by all
    ),
    profiles as (
        select
            p.host,
            coalesce(min(f.failed_at), p.since) as since,
            p.until,
            if(p.operation = 'remove', 'the removal of profile ', 'profile ') || p.profile as what,
            coalesce(p.detail, arg_max(f.reason, f.failed_at)) as reason,
            nullif(count(f.command_uuid), 0) as times
        from profile_states as p
        left join
            failures as f
            on f.host = p.host
            and f.request_type = if(p.operation = 'remove', 'RemoveProfile', 'InstallProfile')
            and coalesce(f.name = p.profile, true)
            and f.failed_at between coalesce(p.not_before, p.since) - interval 1 hour and p.until
        where
            p.status = 'failed'
            and p.until >= getvariable('since')
            and not starts_with(coalesce(p.detail, ''), 'Failed, was verif')
        group by p.host, p.since, p.until, p.operation, p.profile, p.detail
    ),
    commands_alone as (
        select
            f.host,
            min(f.failed_at) as since,
            max(f.failed_at) as until,
            f.request_type || coalesce(' ' || f.name, '') as what,
            arg_max(f.reason, f.failed_at) as reason,
            count(*) as times
        from failures as f
        where
            f.failed_at >= getvariable('since')
            and f.request_type is not null
            and f.request_type <> 'RemoveProfile'
            and f.host not in (select host from profiles where host is not null)
            -- of a profile that arrived after all, or has another try before it, Fleet tells more
            and (
                f.request_type <> 'InstallProfile'
                or f.host not in (select host from profile_states where host is not null)
                or f.host in (select host from pending where status = 'pending')
            )
            and not exists (
                from commands as later
                where
                    later.host = f.host
                    and later.request_type = f.request_type
                    and coalesce(later.name = f.name, true)
                    and later.status not in ('error', 'format error')
                    and later.since > f.failed_at
            )
        group by f.host, f.request_type, f.name
    )
select
    host,
    since,
    until,
    what,
    coalesce(reason, 'no reason is told') as reason,
    times,
    if(times > 1, ' (' || times || ' tries)', '') as tries
from
    (
        from profiles
        union all by name
        from commands_alone
    )
order by since, host, what
