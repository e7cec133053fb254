-- title:    Stalled verification
-- severity: medium
-- explains: verification-stalled
-- needs:    fleet_profiles, fleet_hosts
-- every:    1 hour
-- window:   24 hours
-- alert:    {host}: {what}
-- together: {hosts} {have} had a profile that cannot be verified {when}
-- rows:     profile_states (host, profile)
--
-- The Mac has the profile and said so; osquery, which lists the profiles with the details each
-- hour, did not confirm it, though the details did come. Until two hours after delivery that
-- is normal: an hour of grace (half of what may pass) and an hour until the next details.
-- Where the details themselves do not come, osquery is the trouble and this is not. A
-- declaration is never verified by osquery and is not here. Look first whether the profile is
-- verified on any host at all: if on none, the Mac lists it in another way than Fleet expects,
-- and the profile is at fault; if the one that osquery finds is older than the delivery, the
-- new one was not put in.
--
with
    shares as (
        select profile, count(*) filter (where status = 'verified') as verified, count(*) as hosts
        from profile_states
        where operation is distinct from 'remove'
        group by profile
    ),
    late as (
        select
            p.*,
            f.installed_at,
            f.ts as found_at,
            s.verified,
            s.hosts,
            h.detail_updated_at,
            starts_with(coalesce(p.detail, ''), 'Failed, was verif') as gave_up,
            p.until - greatest(p.since, o.since) as online,
            h.verifying_after
        from profile_states as p
        join hosts as h on h.host = p.host
        join online as o on o.host = p.host and o.last_checkin >= p.until - o.allowed_silence
        join shares as s on s.profile = p.profile
        left join found_profiles as f on f.host = p.host and f.name = p.profile and f.ts > p.since
        where
            p.status in ('verifying', 'failed')
            and p.until >= getvariable('since')
            and not starts_with(coalesce(p.profile_uuid, ''), 'd')
    ),
    stalled as (
        select
            host,
            since,
            until,
            'profile '
            || profile
            || if(gave_up, ' was delivered and then not found', ' is delivered and unverified')
            || ' since '
            || strftime(since, '%Y-%m-%d %H:%M UTC')
            || case
                when installed_at < not_before
                then
                    '; osquery finds one installed at '
                    || strftime(installed_at, '%Y-%m-%d %H:%M UTC')
                    || ', before this one'
                when found_at is not null
                then '; osquery finds it, and Fleet does not take it for the same'
                when hosts > 2 and verified = 0
                then '; it is verified on none of ' || hosts || ' hosts'
                when hosts > 2
                then '; it is verified on ' || verified || ' of ' || hosts || ' hosts'
                else ''
            end as what,
            profile,
            detail,
            detail_updated_at,
            installed_at,
            verified,
            hosts
        from late
        where
            gave_up
            or (
                status = 'verifying'
                and online > verifying_after
                and detail_updated_at - since > verifying_after / 2
            )
    ),
    unlisted as (
        select
            e.host,
            min(e.ts) as since,
            max(e.ts) as until,
            'the query that lists its profiles fails, so none can be verified ('
            || count(*)
            || if(count(*) = 1, ' time', ' times')
            || '): '
            || arg_min(e.message, (e.ts, e.line)) as what
        from mdm_events as e
        where
            e.kind = 'verification failed'
            and e.ts >= getvariable('since')
            and e.host in (select host from pending where status = 'verifying')
        group by e.host
    )
from stalled
union all by name
from unlisted
order by since, host
