-- title:    Workers that osquery's watchdog stopped
-- severity: medium
-- explains: osquery-stalled
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host}: {what}, from {since} to {until}
-- together: osquery's watchdog stops queries of {hosts} {when}
-- rows:     agent_errors (host, kind)
--
-- osqueryd kills a worker that takes too much memory or time, and never again runs the query that
-- it was at for a day: a details query among them is not answered until tomorrow, and no profile
-- is verified meanwhile. One worker that is stopped is harmless, for the next one answers; so is
-- a live query that somebody asked once and that was too much, and a scheduled one that is left
-- out: its own results are missing, nothing else. Look first at which query ran
-- before each stop, then at how much memory the watchdog allows.
--
with
    steps as (
        select
            e.*,
            coalesce(h.watchdog_within, p.watchdog_within) as within,
            if(e.kind = 'denylisted', e.message, null) as query,
            lag(e.ts, 2) over (partition by e.host, e.kind, query order by e.ts) as third
        from agent_errors as e
        join policy as p on p.scope = 'all'
        left join hosts as h on h.host = e.host
        where
            e.kind in ('worker stopped', 'denylisted')
            and not contains(e.message, 'Scheduled query may have failed')
    ),
    runs as (
        select
            *,
            ts - lag(ts) over (partition by host, kind order by ts) > within as fresh,
            if(kind = 'denylisted', interval 1 day, within) as allowed
        from steps
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host, kind order by ts) as run
        from runs
    )
select
    host,
    min(coalesce(third, ts)) as since,
    max(ts) as until,
    kind,
    if(
        kind = 'denylisted',
        'osquery refuses a query that once killed it',
        'the watchdog stopped osquery''s worker again and again'
    )
    || ' ('
    || (count(*) + 2)
    || ' times or more)' as what,
    count(*) + 2 as events,
    arg_max(message, ts) as last_message
from numbered
where ts - third <= allowed
group by host, kind, if(kind = 'denylisted', query, null), if(kind = 'denylisted', 0, run)
order by since, host
