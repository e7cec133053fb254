-- title: Since when each profile of each host has been in its state
-- once:  yes
--
-- Fleet's API says what a profile's status is but not since when; our snapshots do. The state
-- began after `not_before`, the last snapshot that showed another one (`before`; NULL: it was so
-- in the first), and at the latest at `since`: how far the two are apart is how often was asked.
-- No status at all means that Fleet has yet to queue it, and is shown as pending. A profile that
-- a later snapshot of its host no longer has was taken back or replaced, and is not here. `file`
-- and `line` are where the first snapshot of the state stands.
--
with
    told as (
        -- by raw names first: millions of snapshots become a row for each state of each profile
        select
            p.host,
            coalesce(p.profile_uuid, '') as profile_uuid,
            coalesce(p.profile_name, '') as profile_name,
            coalesce(nullif(lower(p.status), ''), 'pending') as status,
            min(p.ts) as first_ts,
            max(p.ts) as last_ts,
            arg_max(p.operation_type, p.ts) as operation,
            arg_max(p.detail, p.ts) as detail,
            arg_min(p.file, p.ts) as file,
            arg_min(p.line, p.ts) as line
        from fleet_profiles as p
        where p.ts < getvariable('until')
        group by all
    ),
    runs as (
        select
            coalesce(a.host, t.host) as host,
            t.profile_uuid,
            t.profile_name,
            t.status,
            min(t.first_ts) as first_ts,
            max(t.last_ts) as last_ts,
            arg_max(t.operation, t.last_ts) as operation,
            arg_max(t.detail, t.last_ts) as detail,
            arg_min(t.file, t.first_ts) as file,
            arg_min(t.line, t.first_ts) as line
        from told as t
        left join aliases as a on lower(t.host) = a.alias
        group by all
    ),
    latest as (
        select *
        from runs
        qualify
            row_number() over (
                partition by host, profile_uuid, profile_name order by last_ts desc, first_ts desc
            )
            = 1
            and last_ts = max(last_ts) over (partition by host)
    ),
    others as (
        select
            l.host,
            l.profile_uuid,
            l.profile_name,
            max(r.last_ts) as not_before,
            arg_max(r.status, r.last_ts) as before
        from latest as l
        join
            runs as r
            on r.host = l.host
            and r.profile_uuid = l.profile_uuid
            and r.profile_name = l.profile_name
            and r.status <> l.status
        group by all
    ),
    -- only where a state came back is it more than the first snapshot that ever showed it
    back as materialized(
        select l.host, l.profile_uuid, l.profile_name, o.not_before
        from latest as l
        join
            others as o
            on o.host = l.host
            and o.profile_uuid = l.profile_uuid
            and o.profile_name = l.profile_name
        where o.not_before > l.first_ts
    ),
    snapshots as (
        select
            coalesce(a.host, p.host) as host,
            coalesce(p.profile_uuid, '') as profile_uuid,
            coalesce(p.profile_name, '') as profile_name,
            p.ts,
            p.file,
            p.line
        from fleet_profiles as p
        left join aliases as a on lower(p.host) = a.alias
        where p.ts > (select min(not_before) from back) and p.ts < getvariable('until')
    ),
    returned as (
        select
            b.host,
            b.profile_uuid,
            b.profile_name,
            min(s.ts) as since,
            arg_min(s.file, s.ts) as file,
            arg_min(s.line, s.ts) as line
        from back as b
        join
            snapshots as s
            on s.host = b.host
            and s.profile_uuid = b.profile_uuid
            and s.profile_name = b.profile_name
            and s.ts > b.not_before
        group by all
    )
select
    l.host,
    nullif(l.profile_name, '') as profile,
    nullif(l.profile_uuid, '') as profile_uuid,
    l.operation,
    l.status,
    l.detail,
    coalesce(r.since, l.first_ts) as since,
    o.not_before,
    o.before,
    l.last_ts as until,
    coalesce(r.since, l.first_ts) as ts,
    'fleet_profiles' as "table",
    concat(
        'profile "',
        coalesce(nullif(l.profile_name, ''), l.profile_uuid),
        '"',
        if(l.operation = 'remove', ' (its removal)', ''),
        ' is ',
        l.status,
        ': ' || nullif(l.detail, '')
    ) as message,
    coalesce(r.file, l.file) as file,
    coalesce(r.line, l.line) as line
from latest as l
left join
    others as o
    on o.host = l.host
    and o.profile_uuid = l.profile_uuid
    and o.profile_name = l.profile_name
left join
    returned as r
    on r.host = l.host
    and r.profile_uuid = l.profile_uuid
    and r.profile_name = l.profile_name
