-- title: Since when each profile of each host has been in its state
--
-- Fleet's API says what a profile's status is but not since when; our snapshots do. The state
-- began after `not_before`, the last snapshot that showed another one (NULL: it was so in the
-- first), and at the latest at `since`. No status at all means that Fleet has yet to queue it,
-- and is shown as pending. A profile that a later snapshot of its host no longer has was taken
-- back or replaced, and is not here.
--
with
    rows as (
        select
            coalesce(a.host, p.host) as host,
            p.profile_uuid,
            p.profile_name,
            p.operation_type,
            p.detail,
            coalesce(nullif(lower(p.status), ''), 'pending') as status,
            p.ts
        from fleet_profiles as p
        left join aliases as a on lower(p.host) = a.alias
        where p.ts < getvariable('until')
    ),
    changes as (
        select
            *, lag(ts) over one as before, lag(status) over one is distinct from status as changed
        from rows
        window one as (partition by host, profile_uuid, profile_name order by ts)
    ),
    last_changes as (
        select *
        from changes
        where changed
        qualify
            row_number() over (partition by host, profile_uuid, profile_name order by ts desc) = 1
    ),
    latest as (
        select *
        from rows
        qualify
            row_number() over (partition by host, profile_uuid, profile_name order by ts desc) = 1
            and ts = max(ts) over (partition by host)
    )
select
    l.host,
    l.profile_name as profile,
    l.profile_uuid,
    l.operation_type as operation,
    l.status,
    l.detail,
    c.ts as since,
    c.before as not_before,
    l.ts as until
from latest as l
join
    last_changes as c
    on c.host is not distinct from l.host
    and c.profile_uuid is not distinct from l.profile_uuid
    and c.profile_name is not distinct from l.profile_name
