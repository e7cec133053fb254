-- title:    Verification without a delivery
-- severity: low
-- every:    1 hour
-- window:   24 hours
-- alert:    {host}: profile {profile} turned from failed to verified, but was never delivered
-- together: {hosts} {have} had a profile verified that was not delivered {when}
--
-- A Windows host answers by itself whether a profile is in force; a refetch turns a failed one
-- to verified all the same, and then nobody sees that it is not. A profile that was sent again
-- and taken is not here. Send the profile again, and look at its failure.
--
with
    states as (
        select
            coalesce(u.host, n.host, p.host) as host,
            coalesce(p.profile_name, p.profile_uuid) as profile,
            p.ts,
            lower(p.status) as status,
            lag(lower(p.status)) over one as before,
            lag(p.ts) over one as not_before
        from fleet_profiles as p
        left join aliases as u on u.alias = lower(p.host_uuid)
        left join aliases as n on n.alias = lower(p.host)
        where p.ts < getvariable('until') and starts_with(p.profile_uuid, 'w')
        window
            one as (
                partition by
                    coalesce(u.host, n.host, p.host), coalesce(p.profile_uuid, p.profile_name)
                order by p.ts
            )
    ),
    listed as (select max(ts) as until from fleet_commands where ts < getvariable('until'))
select s.host, s.not_before as since, s.ts as until, s.profile
from states as s
join listed as l on l.until >= s.ts
where
    s.status = 'verified'
    and s.before = 'failed'
    and s.ts >= getvariable('since')
    and not exists (
        from commands as c
        where c.host = s.host and c.since between s.not_before - interval 1 hour and s.ts
    )
order by since, s.host
