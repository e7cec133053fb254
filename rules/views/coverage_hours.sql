-- title: Which hours of which log there is data for
-- once:  yes
--
-- `state` is covered, hole (the log brings something most hours, and nothing in this one), quiet
-- (the log does not speak every hour, so nothing follows from its silence) or never (this host's
-- own log was never collected, though most hosts like it have theirs).
--
with
    hours as (
        select
            unnest(
                generate_series(
                    date_trunc('hour', getvariable('since')),
                    getvariable('until') - interval 1 second,
                    interval 1 hour
                )
            ) as hour
    ),
    filled as (
        select distinct c.format, c.emitter, h.hour
        from covered as c
        join hours as h on c.since < h.hour + interval 1 hour and c.until >= h.hour
    ),
    excused as (
        select distinct g.host as emitter, h.hour
        from silences as g
        join hours as h on g.since < h.hour + interval 1 hour and g.until > h.hour
        where g.state in ('asleep', 'silent', 'gap', 'off')
    )
select
    l.format,
    l.emitter,
    l.covers,
    h.hour,
    case
        when f.hour is not null
        then 'covered'
        when h.hour + interval 1 hour <= l.since
        then 'never'
        when h.hour < getvariable('since') or h.hour + interval 1 hour > getvariable('until')
        then 'quiet'
        when l.steady and (l.covers <> 'host' or x.hour is null)
        then 'hole'
        else 'quiet'
    end as state
from logs as l
cross join hours as h
left join
    filled as f
    on f.format = l.format
    and f.emitter is not distinct from l.emitter
    and f.hour = h.hour
left join excused as x on x.emitter = l.emitter and x.hour = h.hour
union all
select m.format, m.host as emitter, 'host' as covers, h.hour, 'never' as state
from missing_logs as m
cross join hours as h
