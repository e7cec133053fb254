-- title: Heartbeat gaps, host by host
-- once:  yes
--
-- A gap is a time without any check-in longer than the host's period and grace. `state` says what
-- it was: silent (it is not back), gap (it came back), asleep (its own log says so), unknown (no
-- log that would have shown this host covers it, so nothing may be claimed). A gap is claimed for
-- as long as the log of the last beat before it went on, or Fleet's snapshots said so; what is
-- left of it is unknown. Proxies know a host by its address: from where an address that nobody
-- knows begins to check in, it may be this host, elsewhere. `back` is when it was heard of again.
-- Time before the first log that would have shown the host is not here at all.
--
with
    allowances as (
        select
            host,
            heartbeat_period + heartbeat_grace as allowed,
            epoch_us(heartbeat_period + heartbeat_grace) as allowed_us
        from hosts
        where heartbeat_period + heartbeat_grace is not null
    ),
    buckets as materialized(
        -- no gap is shorter than the shortest that counts, so none begins and ends in one bucket
        select
            host,
            "table",
            emitter,
            beat,
            divide(epoch_us(ts), greatest((select min(allowed_us) from allowances), 1)) as bucket,
            min(epoch_us(ts)) as first_us,
            max(epoch_us(ts)) as last_us
        from checkins
        where ts >= getvariable('since') - interval 7 days or "table" = 'fleet_hosts'
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
            make_timestamptz(s.last_us) < w.since as before_all
        from steps as s
        join allowances as a on a.host = s.host
        left join watermarks as w on w.host = s.host
        where
            coalesce(s.back_us, epoch_us(w.until)) - s.last_us > a.allowed_us
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
    judged as (
        select
            g.*,
            -- of what is NULL, greatest and least take no notice
            greatest(least(l.until, l.moved), s.until) as told_until,
            if(told_until > g.until, g.until, told_until) as proven,
            coalesce(proven - g.since > g.allowed, false) as known,
            exists (
                from asleep as z
                where
                    z.host = g.host
                    and z.since <= g.since + g.allowed
                    and z.until >= g.until - g.allowed
            ) as slept
        from long as g
        left join by_logs as l on l.host = g.host and l.since = g.since
        left join by_snapshots as s on s.host = g.host and s.since = g.since
    ),
    parts as (
        select
            host,
            since,
            if(known and not slept, proven, until) as until,
            back,
            case
                when slept
                then 'asleep'
                when not known
                then 'unknown'
                when back is null
                then 'silent'
                else 'gap'
            end as state
        from judged
        where not before_all or known or slept
        union all
        select host, proven as since, until, back, 'unknown' as state
        from judged
        where known and not slept and back is not null and proven < until
    )
select host, since, until, until - since as length, state, back
from parts
