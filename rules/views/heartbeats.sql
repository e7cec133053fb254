-- title: Each host's heartbeat, a quarter of an hour at a time
-- once:  yes
--
-- `state` is up, gap (silent, back or not), asleep, or unknown: no log that would have told of
-- the host covers that time, or it was silent where nobody expected it. A gap shows where it
-- fills a third of the quarter, or has its middle there. A host that Fleet says it never heard of
-- is a gap for as long as Fleet was asked.
--
with
    slots as (
        select
            unnest(
                generate_series(
                    getvariable('since'),
                    getvariable('until') - interval 1 second,
                    interval 15 minutes
                )
            ) as slot
    ),
    lives as (
        select host, min(first_ts) as first_ts, max(last_ts) as last_ts from contacts group by host
    ),
    beats as (
        select
            host, time_bucket(interval 15 minutes, ts, getvariable('since')) as slot, count(*) as n
        from checkins
        where ts >= getvariable('since')
        group by all
    ),
    shares as (
        select
            g.host,
            s.slot,
            case
                g.state when 'silent' then 'gap' when 'off' then 'unknown' else g.state
            end as state,
            g.state <> 'off' as expected,
            sum(
                epoch(least(g.until, s.slot + interval 15 minutes))
                - epoch(greatest(g.since, s.slot))
            ) as seconds,
            bool_or(
                g.since + (g.until - g.since) / 2 >= s.slot
                and g.since + (g.until - g.since) / 2 < s.slot + interval 15 minutes
            ) as middle
        from silences as g
        join slots as s on g.since < s.slot + interval 15 minutes and g.until > s.slot
        group by all
    ),
    worst as (
        select
            host,
            slot,
            arg_max(state, (expected, seconds, state)) as state,
            bool_or(expected) as expected
        from shares
        where seconds >= 300 or middle
        group by all
    )
select
    h.host,
    s.slot,
    case
        when w.state is not null and (w.expected or b.n is null)
        then w.state
        when b.n > 0 or (s.slot between l.first_ts and l.last_ts)
        then 'up'
        when l.host is null and h.seen_time is null and s.slot < h.snapshot_at
        then 'gap'
        else 'unknown'
    end as state,
    coalesce(b.n, 0) as checkins
from hosts as h
cross join slots as s
left join lives as l on l.host = h.host
left join beats as b on b.host = h.host and b.slot = s.slot
left join worst as w on w.host = h.host and w.slot = s.slot
