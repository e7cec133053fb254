-- title: How long each host may be silent, and when it is expected at all
-- once:  yes
--
-- `allowed` is the host's period and grace; of a host that checks in by a calendar, the grace
-- alone. `timetable` names its calendar or its hours in `expectations`; without one it is
-- expected at any time. Until `paused_until` it is put away. A period that is `learned` is the
-- second longest of the longest pauses of each of the seven days that ended a day ago: so a night
-- belongs to it, and one odd day does not. Where fewer than three of these days had a pause, the
-- period is the one that would hold otherwise; it is never shorter than that, nor longer than
-- three days. Whatever lies closer together than that other period and its grace is no pause.
--
with
    learners as (
        select host, heartbeat_period, heartbeat_period + heartbeat_grace as least
        from hosts
        where heartbeat_learned and heartbeat_calendar is null and heartbeat_period is not null
    ),
    bursts as (
        select
            c.host,
            divide(epoch_us(c.ts), epoch_us(l.least)) as bucket,
            min(c.ts) as first_ts,
            max(c.ts) as last_ts
        from checkins as c
        join learners as l on l.host = c.host
        where
            c.ts >= getvariable('until') - interval 8 days
            and c.ts < getvariable('until') - interval 1 day
        group by c.host, bucket
    ),
    pauses as (
        select
            host,
            cast(first_ts as date) as day,
            first_ts - lag(last_ts) over (partition by host order by first_ts) as pause
        from bursts
    ),
    longest as (
        select host, day, max(pause) as pause from pauses where pause is not null group by host, day
    ),
    learned as (
        select
            p.host,
            least(
                greatest(list_sort(list(p.pause), 'desc')[2], any_value(l.heartbeat_period)),
                interval 3 days
            ) as learned_period
        from longest as p
        join learners as l on l.host = p.host
        group by p.host
        having count(*) >= 3
    )
select
    h.host,
    if(
        h.heartbeat_calendar is null, coalesce(l.learned_period, h.heartbeat_period), null
    ) as period,
    h.heartbeat_grace as grace,
    if(h.heartbeat_calendar is null, period + grace, grace) as allowed,
    h.heartbeat_calendar is not null as by_calendar,
    coalesce(h.heartbeat_calendar, h.heartbeat_hours) as timetable,
    h.heartbeat_paused_until as paused_until,
    l.learned_period is not null as learned
from hosts as h
left join learned as l on l.host = h.host
where h.heartbeat_calendar is not null or h.heartbeat_period is not null
