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
    steps as (
        select
            *,
            first_ts - lag(last_ts) over (partition by format, emitter order by first_ts) as quiet
        from log_ticks
    ),
    spans as (
        select
            s.*,
            count(*) filter (where s.quiet > p.collection_after) over (
                partition by s.format, s.emitter order by s.first_ts
            ) as span
        from steps as s
        join policy as p on p.scope = 'all'
    )
select
    spans.format,
    spans.emitter,
    coalesce(any_value(kinds.covers), 'host') as covers,
    min(spans.first_ts) as since,
    max(spans.last_ts) as until,
    cast(sum(spans.events) as bigint) as events
from spans
left join kinds on kinds.format = spans.format
group by spans.format, spans.emitter, spans.span
