-- title: When each log was collected without a hole, by its own rhythm
-- once:  yes
--
-- `covered` ends a span after an hour; a log that speaks every few seconds has a hole long before
-- that. Here a span ends where a log brought nothing for six times what it is used to (95 of 100
-- of its pauses, five minutes at least), or for the policy's `collection_after`. A source that
-- was pulled without trouble proves that there was nothing more: so the last span of its logs
-- reaches to that pull. Only inside such a span may a rule's silence count.
--
with
    kinds as (select format, any_value(covers) as covers from coverage group by all),
    rhythms as (
        select
            t.format,
            t.emitter,
            max(t.last_ts) as until,
            least(
                any_value(p.collection_after),
                greatest(
                    interval 10 minutes,
                    to_microseconds(
                        cast(
                            6 * coalesce(
                                quantile_cont(epoch_us(t.first_ts) - epoch_us(t.before_ts), 0.95), 0
                            ) as bigint
                        )
                    )
                )
            ) as pause
        from log_ticks as t
        join policy as p on p.scope = 'all'
        group by t.format, t.emitter
    ),
    starts as (
        select t.*, r.pause, r.until
        from log_ticks as t
        join rhythms as r on r.format = t.format and r.emitter is not distinct from t.emitter
        where t.before_ts is null or t.first_ts > t.before_ts + r.pause
    ),
    spans as (
        select
            format,
            emitter,
            pause,
            first_ts as since,
            coalesce(
                lead(before_ts) over (partition by format, emitter order by first_ts), until
            ) as until
        from starts
    ),
    pulled as (
        select s.format, s.emitter, s.until, max(o.last_good) as last_good
        from spans as s
        join
            source_states as o
            on list_contains(o.formats, s.format)
            and (o.host is null or o.host = s.emitter)
        group by all
    )
select
    s.format,
    s.emitter,
    coalesce(k.covers, 'host') as covers,
    s.since,
    if(
        s.until = max(s.until) over (partition by s.format, s.emitter),
        if(
            p.last_good is null,
            s.until,
            greatest(s.until, least(p.last_good, getvariable('until')))
        ),
        s.until
    ) as until,
    s.pause
from spans as s
left join kinds as k on k.format = s.format
left join
    pulled as p
    on p.format = s.format
    and p.emitter is not distinct from s.emitter
    and p.until = s.until
