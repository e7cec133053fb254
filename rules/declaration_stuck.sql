-- title:    Stuck declaration
-- severity: medium
-- explains: declaration-stuck
-- needs:    fleet_profiles
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host}: {what}
-- together: {hosts} {have} had a declaration stuck {when}
-- rows:     profile_states (host, profile)
--
-- A declaration is not a profile: the Mac fetches it by itself once it is told that something
-- changed, and reports by itself that it has it. osquery never looks at it, so no refetch
-- helps. Verified within minutes is normal, and a Mac that was off or asleep has that time
-- from when it came back. Stuck are: no report came, a removal that is never confirmed
-- (removed and added again too quickly), a type that this macOS does not know. Look first
-- whether the Mac fetches anything by MDM at all; an old Fleet (before 4.69) loses removals
-- and must be updated.
--
with
    declarations as (
        select
            p.*,
            p.until - greatest(p.since, o.since) as online,
            h.pending_after,
            h.declaration_after
        from pending as p
        join hosts as h on h.host = p.host and h.platform = 'darwin'
        join online as o on o.host = p.host and o.last_checkin >= p.until - o.allowed_silence
        where starts_with(p.profile_uuid, 'd') and p.until >= getvariable('since')
    ),
    reports as (
        select host, max(ts) as ts
        from mdm_events
        where kind = 'declarative' and starts_with(detail, 'status')
        group by host
    ),
    told as (
        select host, max(acknowledged_at) as ts
        from commands
        where request_type = 'DeclarativeManagement'
        group by host
    ),
    stuck as (
        select
            d.host,
            d.since,
            d.until,
            if(d.operation = 'remove', 'the removal of declaration ', 'declaration ')
            || d.profile
            || ' is '
            || d.status
            || ' since '
            || strftime(d.since, '%Y-%m-%d %H:%M UTC')
            || case
                when r.ts > d.since
                then ', though the Mac reported at ' || strftime(r.ts, '%H:%M UTC')
                when exists (from reports)
                then '; the Mac sent no status report since'
                when t.ts > d.since
                then ', though the Mac was told of it at ' || strftime(t.ts, '%H:%M UTC')
                else ''
            end as what,
            d.profile,
            d.detail
        from declarations as d
        left join reports as r on r.host = d.host
        left join told as t on t.host = d.host
        where
            (d.status = 'verifying' and d.online > d.declaration_after)
            or (
                d.status = 'pending'
                and d.online > d.pending_after
                and (d.operation = 'remove' or t.ts > d.since)
            )
    ),
    unknown as (
        select
            host,
            min(ts) as since,
            max(ts) as until,
            'it does not know the type of a declaration: ' || arg_min(message, (ts, line)) as what
        from mdm_events
        where kind = 'declaration refused' and ts >= getvariable('since')
        group by host
    )
from stuck
union all by name
from unknown
order by since, host
