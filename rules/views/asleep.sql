-- title: When a host slept, by its own log
-- once:  yes
--
-- powerd and the kernel say when a Mac goes to sleep and when it wakes. A wake in the dark
-- (DarkWake) is a wake for half a minute, some minutes at most, and belongs to the sleep.
--
with
    turns as (
        select
            host,
            ts,
            case
                when
                    contains(message, 'Entering Sleep state')
                    or contains(message, 'PMRD: System Sleep')
                then 'sleep'
                when
                    starts_with(message, 'Wake from')
                    or contains(message, 'PMRD: System Wake')
                    or contains(message, 'Wake reason:')
                then 'wake'
            end as turn
        from unified_log
        where process in ('powerd', 'kernel') and ts < getvariable('until') and turn is not null
    ),
    edges as (select *, lag(turn) over (partition by host order by ts) as before from turns),
    pairs as (
        select host, ts as since, turn, lead(ts) over (partition by host order by ts) as woke
        from edges
        where turn is distinct from before
    ),
    sleeps as (
        select host, since, coalesce(woke, getvariable('until')) as until
        from pairs
        where turn = 'sleep'
    ),
    numbered as (
        select
            *,
            sum(if(since - before <= interval 5 minutes, 0, 1)) over (
                partition by host order by since
            ) as sleep
        from (select *, lag(until) over (partition by host order by since) as before from sleeps)
    )
select coalesce(a.host, n.host) as host, min(n.since) as since, max(n.until) as until
from numbered as n
left join aliases as a on lower(n.host) = a.alias
group by coalesce(a.host, n.host), n.sleep
