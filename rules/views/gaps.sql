-- title: Heartbeat gaps, host by host
-- once:  yes
--
-- A gap is a time without any check-in longer than the host's period and grace. `state` says what
-- it was: silent (it is not back), gap (it came back), asleep (its own log says so), unknown (no
-- log that shows this host's check-ins covers the whole of it, so nothing may be claimed). Time
-- before the first log that would have shown the host is not here at all.
--
with
    allowances as (select host, epoch_us(heartbeat_period + heartbeat_grace) as allowed from hosts),
    beats as (
        -- no gap is shorter than the shortest that counts, so none begins and ends in one bucket
        select host, min(epoch_us(ts)) as first_us, max(epoch_us(ts)) as last_us
        from checkins
        where ts >= getvariable('since') - interval 7 days
        group by host, divide(epoch_us(ts), greatest((select min(allowed) from allowances), 1))
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
            coalesce(make_timestamptz(s.back_us), w.until) as until,
            s.back_us is null as still,
            h.heartbeat_period + h.heartbeat_grace as allowed,
            make_timestamptz(s.last_us) < w.since as before_all
        from steps as s
        join allowances as a on a.host = s.host
        join hosts as h on h.host = s.host
        left join watermarks as w on w.host = s.host
        where
            coalesce(s.back_us, epoch_us(w.until)) - s.last_us > a.allowed
            and coalesce(s.back_us, epoch_us(w.until)) > epoch_us(getvariable('since'))
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
