-- title: Times without any check-in, host by host, expected or not
-- once:  yes
--
-- A silence is a time without any check-in longer than the host is `allowed` (see `allowances`).
-- `state` says what it was: silent (it is not back), gap (it came back), asleep (its own log says
-- so), unknown (no log that would have shown this host covers it, so nothing may be claimed), off
-- (nobody expected it, at least not all the time: what of it lies in its hours, or follows a
-- moment of its calendar, has rows of its own). A silence is claimed for as long as the log of the
-- last beat before it went on, or Fleet's snapshots said so; what is left of it is unknown.
-- Proxies know a host by its address: from where an address that nobody knows begins to check in,
-- it may be this host, elsewhere. `last_seen` is the check-in before it, `back` when it was heard
-- of again. A moment of a calendar is kept by a check-in up to a grace before it, or after it; if
-- it is missed, the silence lasts from there until the host is back. Time before the first log
-- that would have shown the host is not here at all.
--
with
    buckets as materialized(
        -- no gap is shorter than the shortest that counts, so none begins and ends in one bucket
        select
            host,
            "table",
            emitter,
            beat,
            divide(
                epoch_us(ts), greatest((select min(epoch_us(allowed)) from allowances), 1)
            ) as bucket,
            min(epoch_us(ts)) as first_us,
            max(epoch_us(ts)) as last_us
        from checkins
        where
            (ts >= getvariable('since') - interval 7 days or "table" = 'fleet_hosts')
            and (channel <> 'own log' or host not in (from watches select host))
        group by host, "table", emitter, beat, bucket
    ),
    beats as (
        select host, min(first_us) as first_us, max(last_us) as last_us
        from buckets
        group by host, bucket
    ),
    watermarks as (
        select host, min(since) as since, max(until) as until from watches group by host
    ),
    steps as (
        select host, last_us, lead(first_us) over (partition by host order by first_us) as back_us
        from beats
    ),
    long as (
        select
            s.host,
            make_timestamptz(s.last_us) as since,
            make_timestamptz(s.back_us) as back,
            coalesce(make_timestamptz(s.back_us), w.until) as until,
            a.allowed,
            a.by_calendar,
            a.timetable,
            a.paused_until,
            make_timestamptz(s.last_us) < w.since as before_all
        from steps as s
        join allowances as a on a.host = s.host
        left join watermarks as w on w.host = s.host
        where
            coalesce(s.back_us, epoch_us(w.until)) - s.last_us > epoch_us(a.allowed)
            and coalesce(s.back_us, epoch_us(w.until)) > epoch_us(getvariable('since'))
    ),
    last_beats as (
        select host, "table", emitter, make_timestamptz(last_us) as ts from buckets where beat
    ),
    strangers as (
        select
            "table",
            make_timestamptz(first_us) as ts,
            to_microseconds(
                first_us - lag(last_us) over (partition by "table", host order by first_us)
            ) as before
        from buckets
        where beat and host not in (from hosts select host)
    ),
    arrivals as (
        select s."table", s.ts
        from strangers as s
        join policy as p on p.scope = 'all'
        where s.before is null or s.before > p.heartbeat_period + p.heartbeat_grace
    ),
    witnesses as (
        select g.*, b."table", b.emitter
        from long as g
        asof left join last_beats as b on b.host = g.host and g.since >= b.ts
    ),
    by_logs as (
        select g.host, g.since, max(w.until) as until, min(a.ts) as moved
        from witnesses as g
        join
            watches as w
            on w.host = g.host
            and w."table" = g."table"
            and w.emitter is not distinct from g.emitter
            and w.since <= g.since
            and w.until > g.since
        left join arrivals as a on a."table" = g."table" and a.ts > g.since and a.ts < g.until
        group by g.host, g.since
    ),
    by_snapshots as (
        select g.host, g.since, max(w.until) as until
        from long as g
        join
            watches as w
            on w.host = g.host
            and w."table" = 'fleet_hosts'
            and w.since <= g.since
            and w.until > g.since
        group by g.host, g.since
    ),
    proofs as materialized(
        select
            g.*,
            g.since as last_seen,
            -- of what is NULL, greatest and least take no notice
            greatest(least(l.until, l.moved), s.until) as told_until,
            if(told_until > g.until, g.until, told_until) as proven
        from long as g
        left join by_logs as l on l.host = g.host and l.since = g.since
        left join by_snapshots as s on s.host = g.host and s.since = g.since
    ),
    expected as (
        select * replace (greatest(since, paused_until) as since)
        from proofs
        where timetable is null
        union all
        select
            g.* replace (
                greatest(g.since, g.paused_until, e.since) as since,
                least(g.until, e.until) as until,
                least(g.proven, e.until) as proven
            )
        from proofs as g
        join
            expectations as e
            on e.timetable = g.timetable
            and e.since < g.until
            and e.until > g.since
        where not g.by_calendar
        union all
        select g.* replace (e.since as since)
        from proofs as g
        join
            expectations as e
            on e.timetable = g.timetable
            and e.since - g.allowed > greatest(g.since, g.paused_until)
            and e.since + g.allowed < g.until
        where g.by_calendar
        qualify row_number() over (partition by g.host, g.last_seen order by e.since) = 1
    ),
    judged as (
        select
            e.*,
            coalesce(e.proven - e.since > e.allowed, false) as known,
            exists (
                from asleep as z
                where
                    z.host = e.host
                    and z.since <= e.since + e.allowed
                    and z.until >= e.until - e.allowed
            ) as slept
        from expected as e
        where e.until - e.since > e.allowed and (e.until > getvariable('since') or e.back is null)
    ),
    parts as (
        select
            host,
            since,
            if(known and not slept, proven, until) as until,
            case
                when slept
                then 'asleep'
                when not known
                then 'unknown'
                when back is null
                then 'silent'
                else 'gap'
            end as state,
            last_seen,
            back
        from judged
        where not before_all or known or slept
        union all
        select host, proven as since, until, 'unknown' as state, last_seen, back
        from judged
        where known and not slept and back is not null and proven < until
        union all
        select host, since, until, 'off' as state, last_seen, back
        from proofs
        where timetable is not null or paused_until > since
    )
select host, since, until, until - since as length, state, last_seen, back
from parts
