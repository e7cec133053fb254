-- title: In which five minutes each log said something
-- once:  yes
--
-- The first and the last line of each log in each five minutes: what all that asks when a log was
-- collected is put together from. `before_ts` is the last line of the five minutes before these
-- that had any, `events_before` how many lines came until then.
--
with
    ticks as (
        select
            e."table" as format,
            coalesce(a.host, e.emitter) as emitter,
            min(e.ts) as first_ts,
            max(e.ts) as last_ts,
            count(*) as events
        from events as e
        left join aliases as a on a.alias = lower(e.emitter)
        where e.ts < getvariable('until')
        group by e."table", coalesce(a.host, e.emitter), divide(epoch_us(e.ts), 300000000)
    )
select
    *,
    lag(last_ts) over one as before_ts,
    cast(coalesce(sum(events) over so_far, 0) as bigint) as events_before
from ticks
window
    one as (partition by format, emitter order by first_ts),
    so_far as (
        partition by format, emitter
        order by first_ts
        rows between unbounded preceding and 1 preceding
    )
