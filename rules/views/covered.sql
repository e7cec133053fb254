-- title: For which log and time span there is data
-- once:  yes
--
-- A span ends where a log brought nothing for longer than the policy's `collection_after`:
-- whether it was quiet or not collected cannot be told, so nothing may be concluded from it.
-- `covers` is fleet where the log would have told of any host, host where it tells of its emitter
-- alone.
--
with
    kinds as (select format, any_value(covers) as covers from coverage group by all),
    ends as (
        select format, emitter, max(last_ts) as until, sum(events) as events
        from log_ticks
        group by format, emitter
    ),
    starts as (
        select t.*
        from log_ticks as t
        join policy as p on p.scope = 'all'
        where t.before_ts is null or t.first_ts > t.before_ts + p.collection_after
    )
select
    s.format,
    s.emitter,
    coalesce(k.covers, 'host') as covers,
    s.first_ts as since,
    coalesce(lead(s.before_ts) over one, e.until) as until,
    cast(coalesce(lead(s.events_before) over one, e.events) - s.events_before as bigint) as events
from starts as s
join ends as e on e.format = s.format and e.emitter is not distinct from s.emitter
left join kinds as k on k.format = s.format
window one as (partition by s.format, s.emitter order by s.first_ts)
