-- title: How each host's heartbeat stands now
-- once:  yes
--
-- `state` is one of: new (on Fleet's list for no longer than a day, or than its period and grace,
-- and not heard of yet; or only assigned, and not enrolled), never (listed for longer, and never
-- heard of), up, late (its period has passed, its grace has not), silent, asleep (its own log says
-- so), paused (lastseen.toml says so) or unknown, with `why`. It is judged at `watched_until`, up
-- to which a log that would have shown the host was certainly collected: what lastseen or a source
-- did not collect is nobody's silence, and a line that the host wrote for itself is no check-in.
-- `since` is when the state began, NULL where that is not
-- known. `expected_by` is when it is due, NULL where that is not known; its grace comes on top.
-- `expected` is false while nobody expects it: outside its hours a host keeps the state that it
-- had at their end, and one with a calendar is up from the check-in that kept a moment until the
-- next moment has passed.
--
with
    lives as (
        select host, max(last_ts) as last_seen
        from contacts
        where channel <> 'own log' or host not in (from watches select host)
        group by host
    ),
    marks as (select host, max(until) as watched_until from watches group by host),
    lists as (
        select coalesce(a.host, f.host) as host, min(f.ts) as listed_at
        from fleet_hosts as f
        left join aliases as a on a.alias = lower(f.host)
        where f.ts <= getvariable('until')
        group by all
    ),
    open as (
        select
            host,
            arg_max(state, since) filter (where back is null) as state,
            min(since) filter (where back is null and state = 'silent') as silent_since,
            min(since) filter (where back is null and state = 'asleep') as asleep_since,
            max(back) as back
        from gaps
        group by host
    ),
    failing as (
        select w.host, string_agg(distinct s.source, ', ' order by s.source) as sources
        from (select distinct host, "table" from watches) as w
        join source_states as s on list_contains(s.formats, w."table")
        where s.failing_since is not null
        group by w.host
    ),
    known as (
        select
            h.host,
            h.platform,
            h.os_version,
            h.team,
            h.mdm_enrollment_status,
            h.seen_time,
            h.snapshot_at,
            lower(h.mdm_enrollment_status) = 'pending' as assigned,
            if(
                h.last_enrolled_at > timestamptz '2001-01-02 00:00:00+00',
                h.last_enrolled_at,
                i.listed_at
            ) as known_since,
            l.last_seen,
            m.watched_until,
            greatest(l.last_seen, m.watched_until) as told_until,
            a.* exclude (host, learned),
            h.heartbeat_paused_until > getvariable('until') as paused,
            o.* exclude (host),
            f.sources
        from hosts as h
        left join lives as l on l.host = h.host
        left join marks as m on m.host = h.host
        left join lists as i on i.host = h.host
        left join allowances as a on a.host = h.host
        left join open as o on o.host = h.host
        left join failing as f on f.host = h.host
    ),
    due as (
        select
            k.host,
            min(
                if(
                    k.by_calendar,
                    e.since,
                    greatest(k.last_seen, k.paused_until, e.since) + k.period
                )
            ) as expected_by,
            bool_or(
                e.since <= getvariable('until')
                and coalesce(e.until, e.since + k.grace) > getvariable('until')
            ) as expected
        from known as k
        join expectations as e on e.timetable = k.timetable
        where
            if(
                k.by_calendar,
                e.since - k.allowed > greatest(k.last_seen, k.paused_until),
                greatest(k.last_seen, k.paused_until, e.since) + k.allowed <= e.until
            )
        group by k.host
    ),
    timed as (
        select
            k.*,
            if(
                k.timetable is null, greatest(k.last_seen, k.paused_until) + k.period, d.expected_by
            ) as expected_by,
            case
                when k.paused
                then false
                when k.timetable is null
                then true
                else
                    coalesce(
                        d.expected or (k.by_calendar and d.expected_by <= getvariable('until')),
                        false
                    )
            end as expected
        from known as k
        left join due as d on d.host = k.host
    ),
    judged as (
        select
            *,
            case
                when paused
                then 'paused'
                when last_seen is null and seen_time is null and assigned
                then 'new'
                when last_seen is null and allowed is null
                then 'unknown'
                when
                    last_seen is null
                    and seen_time is null
                    and snapshot_at - known_since <= greatest(allowed, interval 24 hours)
                then 'new'
                when last_seen is null and seen_time is null and snapshot_at is not null
                then 'never'
                when state in ('silent', 'asleep')
                then state
                when allowed is not null and coalesce(expected_by > getvariable('until'), false)
                then 'up'
                when getvariable('until') - told_until > collection_after
                then 'unknown'
                when state = 'unknown'
                then 'unknown'
                when expected_by < told_until
                then 'late'
                else 'up'
            end as verdict
        from timed
        join (select collection_after from policy where scope = 'all') on true
    )
select
    host,
    platform,
    os_version,
    team,
    verdict as state,
    case
        verdict
        when 'new'
        then known_since
        when 'never'
        then known_since
        when 'silent'
        then silent_since
        when 'asleep'
        then asleep_since
        when 'late'
        then expected_by
        when 'unknown'
        then told_until
        when 'up'
        then back
    end as since,
    last_seen,
    expected_by,
    expected,
    watched_until,
    case
        when verdict <> 'unknown'
        then null
        when last_seen is null
        then 'nobody expects a heartbeat of it, and nothing was heard of it'
        when getvariable('until') - told_until > collection_after
        then
            'nothing that would tell of it was collected after '
            || strftime(told_until, '%Y-%m-%d %H:%M UTC')
            || coalesce(': ' || sources || ' fails', '')
        else 'the log that showed it last does not go on, or it may be elsewhere'
    end as why,
    mdm_enrollment_status
from judged
