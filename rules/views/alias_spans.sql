-- title: Which host a name meant, and when
-- once:  yes
--
-- For a log that knows hosts by address: join on the name and the time, `alias = lower(name) and
-- ts >= since and ts < until`; no two spans of a name overlap, so no row is found twice. Where
-- one host alone is known to have a name, it is its; where none is known to, it is the one's that
-- alone may have it, before it took it over from nobody and after it was last known to have it,
-- until another takes it. A name that two hosts share, or that went from one to another some time
-- between two snapshots, is nobody's for that time: better an unresolved name than a wrong one.
--
with
    numbered as materialized(
        select *, dense_rank() over (order by host) as number from alias_claims
    ),
    taken as (
        select n.*, later.since as taken_at
        from numbered as n
        asof left join numbered as later on later.alias = n.alias and later.since > n.until
    ),
    possible as (
        select
            t.*,
            greatest(t.not_before, coalesce(earlier.until, t.not_before)) as maybe_since,
            least(t.not_after, coalesce(t.taken_at, t.not_after)) as maybe_until
        from taken as t
        asof left join numbered as earlier on earlier.alias = t.alias and earlier.until < t.since
    ),
    edges as (
        -- who is known to have it counts in `sure`, who may have it in `maybe`
        select alias, since as ts, number, 1 as sure, 0 as maybe
        from possible
        union all
        select alias, until, number, -1, 0
        from possible
        union all
        select alias, maybe_since, number, 0, 1
        from possible
        where maybe_until > maybe_since
        union all
        select alias, maybe_until, number, 0, -1
        from possible
        where maybe_until > maybe_since
    ),
    changes as (
        select
            alias,
            ts,
            sum(sure) as sure,
            sum(sure * number) as sures,
            sum(sure * number * number) as sure_squares,
            sum(maybe) as maybe,
            sum(maybe * number) as maybes,
            sum(maybe * number * number) as maybe_squares
        from edges
        group by alias, ts
    ),
    running as (
        select
            alias,
            ts as since,
            lead(ts) over one as until,
            sum(sure) over one as sure,
            sum(sures) over one as sures,
            sum(sure_squares) over one as sure_squares,
            sum(maybe) over one as maybe,
            sum(maybes) over one as maybes,
            sum(maybe_squares) over one as maybe_squares
        from changes
        window one as (partition by alias order by ts)
    ),
    decided as (
        -- n numbers are all the same where n times the sum of their squares is the square of
        -- their sum
        select
            alias,
            since,
            until,
            case
                when sure > 0
                then if(sure * sure_squares = sures * sures, sures / sure, null)
                when maybe > 0
                then if(maybe * maybe_squares = maybes * maybes, maybes / maybe, null)
            end as number
        from running
        where until is not null
    ),
    joined as (
        select
            *,
            count(*) filter (where number is distinct from before) over (
                partition by alias order by since
            ) as span
        from (select *, lag(number) over (partition by alias order by since) as before from decided)
    ),
    hosts_by_number as (select distinct number, host from numbered)
select s.alias, h.host, min(s.since) as since, max(s.until) as until
from joined as s
join hosts_by_number as h on h.number = s.number
group by s.alias, h.host, s.span
