-- title: Crons of Fleet that fail, take too long or no longer run
--
-- Of `cron_runs`: failures in a row (more than one; or the last run, where the next is more
-- than `burst_gap` away), runs that took longer than the time to the next (a delivery cron
-- that runs each minute or more often: half of it, for commands wait meanwhile), and a cron
-- whose runs came steadily and then no more, while others as frequent went on. Failures whose
-- cause is known (`known`) are left to those who tell of it.
--
with
    policies as (select * from policy where scope = 'all'),
    steady as (
        select
            cron,
            any_value(duty) as duty,
            max(rhythm_s) as rhythm_s,
            max(slack_s) as slack_s,
            max(gaps) as gaps,
            max(ts) as last_run,
            arg_max(file, ts) as file,
            arg_max(line, ts) as line
        from cron_runs
        where started is not null
        group by cron
    ),
    bad as (
        select
            r.*,
            if(r.errors > 0, 'failed', 'took too long') as trouble,
            greatest(p.burst_gap, to_seconds(2 * coalesce(r.rhythm_s, 3600))) as apart
        from cron_runs as r
        cross join policies as p
        where
            (r.errors > 0 and r.known is null)
            or (
                r.errors = 0
                and (
                    r.overran
                    or r.took_s
                    > if(r.duty = 'delivery' and r.rhythm_s <= 60, r.rhythm_s / 2, r.rhythm_s)
                )
            )
    ),
    fresh as (
        select *, ts - lag(ts) over (partition by cron, trouble order by ts) > apart as fresh
        from bad
    ),
    numbered as (
        select
            *, count(*) filter (where fresh) over (partition by cron, trouble order by ts) as burst
        from fresh
    ),
    failing as (
        select
            cron,
            duty,
            trouble,
            min(ts) as since,
            max(last_ts) as until,
            count(*) as runs,
            any_value(rhythm_s) as rhythm_s,
            max(took_s) as longest_s,
            arg_max(message, ts) as reason
        from numbered
        group by cron, duty, trouble, burst
    ),
    judged as (
        select
            f.*,
            p.burst_gap,
            exists (
                from cron_runs as r
                where
                    r.cron = f.cron
                    and r.ts > f.until
                    and r.errors = 0
                    and coalesce(r.completed, r.started) is not null
            ) as recovered
        from failing as f
        cross join policies as p
    ),
    stopped as (
        select
            s.cron,
            s.duty,
            'no longer runs' as trouble,
            s.last_run as since,
            max(o.last_run) as until,
            0 as runs,
            s.rhythm_s,
            cast(null as double) as longest_s,
            'its last run began at ' || strftime(s.last_run, '%H:%M UTC') as reason
        from steady as s
        join policies as p on true
        join
            steady as o
            on o.cron <> s.cron
            and o.rhythm_s <= greatest(s.rhythm_s, epoch(p.burst_gap))
            and o.last_run - s.last_run > greatest(p.burst_gap, to_seconds(3 * s.rhythm_s))
        where s.gaps >= 4 and s.slack_s <= 2 * s.rhythm_s
        group by all
    )
select * exclude (burst_gap, recovered), cast(null as varchar) as host
from judged
where
    runs > 1
    or (
        trouble = 'failed'
        and not recovered
        and coalesce(to_seconds(rhythm_s), burst_gap) >= burst_gap
    )
union all by name
select *, cast(null as varchar) as host
from stopped
