-- title: How each host stands now, and since when
-- once:  yes
--
-- `state` is the first of these that holds: enrollment-pending (assigned in Apple Business
-- Manager and not enrolled: one meaning of Pending), mdm-off (profiles are wanted, and Fleet does
-- not manage it), silent, asleep, then what its profiles are (the other meaning): failed, pending
-- or verifying for longer than the policy allows a host that is online, unknown (neither its
-- heartbeat nor its profiles can be told, or Fleet answers it with errors alone), late (its
-- heartbeat, or its details: it is online and osquery has not refreshed them for longer than
-- `details_after`), waiting (a profile is on its way, and that is normal still), paused, ok.
-- `since` is when that began, at the latest; `not_before` the last
-- moment at which it was known to be otherwise, so that the time between two snapshots is no
-- claim. `normal` is how long the state may last. Of what was collected too long ago nothing is
-- claimed: `profiles` and `heartbeat` say what was known last, `known_until` until when.
--
with
    returns as (
        select host, max(back) as back from gaps where state in ('gap', 'asleep') group by host
    ),
    waits as (
        select
            s.host,
            s.status,
            s.profile,
            s.operation,
            s.since,
            s.not_before,
            s.until,
            case
                s.status when 'pending' then h.pending_after when 'verifying' then h.verifying_after
            end as normal,
            s.until - greatest(s.since, r.back) as online
        from profile_states as s
        join hosts as h on h.host = s.host
        left join returns as r on r.host = s.host and r.back <= s.until
        where s.status in ('pending', 'verifying', 'failed')
    ),
    worst as (
        select
            *, case when status = 'failed' then 1 when online > normal then 2 else 3 end as urgency
        from waits
        qualify row_number() over (partition by host order by urgency, status, since, profile) = 1
    ),
    told as (select host, max(until) as until from profile_states group by host),
    asked as (select max(ts) as until from fleet_profiles where ts < getvariable('until')),
    turns as (
        select
            coalesce(a.host, f.host) as host,
            coalesce(f.mdm_enrollment_status, '') as enrollment,
            coalesce(f.mdm_connected, true) as connected,
            min(f.ts) as first_ts,
            max(f.ts) as last_ts
        from fleet_hosts as f
        left join aliases as a on a.alias = lower(f.host)
        where f.ts < getvariable('until')
        group by all
    ),
    enrollments as (
        select
            host,
            enrollment,
            connected,
            if(first_ts > lag(last_ts) over one, first_ts, lag(last_ts) over one) as changed,
            first_ts,
            lag(last_ts) over one as before_ts,
            last_ts
        from turns
        window one as (partition by host order by last_ts)
        qualify row_number() over (partition by host order by last_ts desc) = 1
    ),
    known as (
        select
            h.host,
            h.platform,
            h.os_version,
            h.team,
            h.heartbeat_period + h.heartbeat_grace as allowed_silence,
            b.state as heartbeat,
            b.since as heartbeat_since,
            b.last_seen,
            b.watched_until,
            w.status as profiles,
            w.profile,
            w.operation,
            w.since as profiles_since,
            w.not_before as profiles_not_before,
            w.normal as profiles_normal,
            w.urgency,
            coalesce(t.until, if(h.snapshot_at is null, null, asked.until)) as profiles_until,
            coalesce(h.platform, 'darwin') in ('darwin', 'ios', 'ipados') as managed,
            lower(coalesce(h.mdm_enrollment_status, '')) as enrollment,
            coalesce(h.mdm_connected, true) as connected,
            coalesce(e.changed, e.first_ts) as enrollment_since,
            e.before_ts as enrollment_not_before,
            h.snapshot_at,
            h.details_after,
            if(
                h.detail_updated_at > timestamptz '2001-01-02 00:00:00+00'
                and h.platform not in ('ios', 'ipados', 'android'),
                h.detail_updated_at,
                null
            ) as details_at,
            r.back,
            q.served_at,
            q.failed_at - q.served_at > h.heartbeat_period + h.heartbeat_grace as unserved,
            p.collection_after
        from hosts as h
        join policy as p on p.scope = 'all'
        cross join asked
        left join heartbeat_states as b on b.host = h.host
        left join worst as w on w.host = h.host
        left join told as t on t.host = h.host
        left join enrollments as e on e.host = h.host
        left join returns as r on r.host = h.host
        left join answers as q on q.host = h.host
    ),
    judged as (
        select
            *,
            coalesce(getvariable('until') - profiles_until <= collection_after, false) as fresh,
            coalesce(getvariable('until') - snapshot_at <= collection_after, false) as listed,
            coalesce(
                listed
                and heartbeat = 'up'
                and snapshot_at - details_at > details_after
                and snapshot_at - coalesce(back, details_at) > details_after,
                false
            ) as stale,
            case
                when enrollment = 'pending' and listed
                then 'enrollment-pending'
                when listed and profiles is not null and (enrollment = 'off' or not connected)
                then 'mdm-off'
                when heartbeat in ('silent', 'never')
                then 'silent'
                when heartbeat = 'asleep'
                then 'asleep'
                when fresh and profiles = 'failed'
                then 'failed'
                when fresh and urgency = 2
                then profiles
                when heartbeat = 'unknown' or (managed and not (fresh and listed)) or unserved
                then 'unknown'
                when heartbeat = 'late' or stale
                then 'late'
                when profiles is not null and fresh
                then 'waiting'
                when heartbeat = 'paused'
                then 'paused'
                else 'ok'
            end as state
        from known
    )
select
    host,
    platform,
    os_version,
    team,
    state,
    case
        when state in ('enrollment-pending', 'mdm-off')
        then enrollment_since
        when state in ('failed', 'pending', 'verifying', 'waiting')
        then profiles_since
        when state = 'unknown'
        then
            case
                when heartbeat = 'unknown'
                then heartbeat_since
                when unserved
                then served_at
                else least(profiles_until, snapshot_at)
            end
        when state = 'late' and stale
        then details_at + interval 1 hour
        else heartbeat_since
    end as since,
    case
        when state in ('enrollment-pending', 'mdm-off')
        then enrollment_not_before
        when state in ('failed', 'pending', 'verifying', 'waiting')
        then profiles_not_before
        when state = 'late' and stale
        then details_at
        else since
    end as not_before,
    case
        when state in ('failed', 'pending', 'verifying', 'waiting')
        then profiles_normal
        when state = 'late' and stale
        then details_after
        when state in ('silent', 'late', 'ok')
        then allowed_silence
    end as normal,
    case
        when state in ('enrollment-pending', 'mdm-off')
        then snapshot_at
        when state in ('failed', 'pending', 'verifying', 'waiting')
        then profiles_until
        else coalesce(watched_until, profiles_until)
    end as known_until,
    heartbeat,
    heartbeat_since,
    last_seen,
    watched_until,
    profiles,
    profile,
    operation,
    profiles_since,
    profiles_not_before,
    profiles_until,
    details_at,
    coalesce(unserved, false) as unserved,
    stale and state = 'late' as stale,
    enrollment as mdm_enrollment_status
from judged
