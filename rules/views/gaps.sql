-- title: Heartbeat gaps, host by host
-- once:  yes
--
-- A gap is a time without any check-in longer than the host's period and grace. `state` says what
-- it was: silent (it is not back), gap (it came back), asleep (its own log says so), unknown (no
-- log that shows this host's check-ins covers the whole of it, so nothing may be claimed). Time
-- before the first log that would have shown the host is not here at all.
--
with
    beats as (
        select host, min(ts) as first_ts, max(ts) as last_ts
        from checkins
        where ts >= getvariable('since') - interval 7 days
        group by host, time_bucket(interval 1 minute, ts)
    ),
    watermarks as (
        select host, min(since) as since, max(until) as until from watches group by host
    ),
    steps as (
        select
            host,
            last_ts as since,
            lead(first_ts) over (partition by host order by first_ts) as back,
        from beats
    ),
    long as (
        select
            s.host,
            s.since,
            coalesce(s.back, w.until) as until,
            s.back is null as still,
            h.heartbeat_period + h.heartbeat_grace as allowed,
            s.since < w.since as before_all
        from steps as s
        join hosts as h on h.host = s.host
        left join watermarks as w on w.host = s.host
        where
            coalesce(s.back, w.until) - s.since > h.heartbeat_period + h.heartbeat_grace
            and coalesce(s.back, w.until) > getvariable('since')
    ),
    judged as (
        select
            g.*,
            exists (
                from watches as w
                where w.host = g.host and w.since <= g.since and w.until >= g.until
            ) as watched,
            exists (
                from asleep as z
                where
                    z.host = g.host
                    and z.since <= g.since + g.allowed
                    and z.until >= g.until - g.allowed
            ) as slept
        from long as g
    )
select
    host,
    since,
    until,
    until - since as length,
    case
        when slept then 'asleep' when not watched then 'unknown' when still then 'silent' else 'gap'
    end as state
from judged
where not before_all or watched or slept
