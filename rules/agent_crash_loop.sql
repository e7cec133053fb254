-- title:    Agent crash loop
-- severity: high
-- explains: agent-crash-loop
-- needs:    orbit | osquery_status | journald | syslog
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host}: {what} {events} times, from {since} to {until}
-- together: the agent of {hosts} {have} kept dying {when}
-- rows:     agent_errors (host, kind)
--
-- An agent that starts again and again never gets as far as to answer. A start that the agent
-- announced before (an update, new flags, a shutdown) does not count unless there are five of
-- them: an update is one start, an installation two or three. Three starts in a day are nothing,
-- nor is one window that macOS would not open while nobody was logged in. A failure that orbit
-- tells twice in a second counts once. Look first at the last line before each start, then
-- whether all hosts of one version do it.
--
with
    starts as (
        select
            e.*,
            coalesce(h.crash_within, p.crash_within) as within,
            e.kind in ('orbit start', 'osquery start')
            and exists (
                from agent_errors as r
                where
                    r.host = e.host
                    and r.kind = 'restart announced'
                    and r.ts between e.ts - interval 2 minutes and e.ts
            ) as announced
        from agent_errors as e
        join policy as p on p.scope = 'all'
        left join hosts as h on h.host = e.host
        where
            e.kind in (
                'orbit start',
                'osquery start',
                'launch failure',
                'crashed',
                'respawning',
                'service died'
            )
    ),
    counted as (
        select
            *,
            count(*) over recent as within_all,
            count(*) filter (where not announced) over recent as within_own,
            min(ts) over recent as first_ts,
            ts - lag(ts) over (partition by host, kind order by ts) > within as fresh
        from starts
        window
            recent as (
                partition by host, kind order by ts range between within preceding and current row
            )
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host, kind order by ts) as run
        from counted
    )
select
    host,
    min(ts) as since,
    max(ts) as until,
    kind,
    case
        kind
        when 'orbit start'
        then 'orbit started'
        when 'osquery start'
        then 'osqueryd started'
        when 'launch failure'
        then 'macOS would not open Fleet Desktop'
        when 'crashed'
        then 'the agent crashed'
        when 'respawning'
        then 'osqueryd said that its worker respawns too quickly'
        else 'the service died'
    end as what,
    count(*) as events,
    arg_max(message, ts) as last_message
from numbered
group by host, kind, run
having max(within_own) >= if(kind = 'respawning', 2, 3) or max(within_all) >= 5
order by since, host, kind
