-- title: In which five minutes each log said something
-- once:  yes
--
-- The first and the last line of each log in each five minutes: what all that asks when a log was
-- collected is put together from.
--
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
