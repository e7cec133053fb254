-- title: Each log there is data of, and whether its silence means anything
-- once:  yes
--
-- `steady` is a log that brought something in at least three of four hours since its first line,
-- and in six: one that is only written to when something happens may be silent for any reason.
--
with
    filled as (
        select
            format,
            emitter,
            covers,
            unnest(generate_series(date_trunc('hour', since), until, interval 1 hour)) as hour
        from covered
    ),
    ends as (
        select format, emitter, min(since) as since, max(until) as until from covered group by all
    )
select
    e.format,
    e.emitter,
    any_value(f.covers) as covers,
    e.since,
    e.until,
    count(distinct f.hour) as hours,
    count(distinct f.hour) >= 6
    and count(distinct f.hour) * 4 >= (date_diff('hour', e.since, e.until) + 1) * 3 as steady
from ends as e
join filled as f on f.format = e.format and f.emitter is not distinct from e.emitter
group by e.format, e.emitter, e.since, e.until
