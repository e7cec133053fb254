-- title:    Agent gets errors of the server
-- severity: medium
-- explains: server-error
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} gets errors instead of answers ({events} times): {last_message}
-- together: {hosts} {have} got errors instead of answers {when}
-- rows:     agent_errors (host, kind)
--
-- orbit's own log says that Fleet, or the proxy before it, answers with a 5xx, again and again and
-- longer than the policy's `outage_after`: the way to the server is there, the server is not. This
-- is all that tells of it where no proxy's log is collected. Some seconds while Fleet is restarted
-- are harmless. Look first at `server_down` and `server_failing` of the same time.
--
with
    troubles as (
        select
            e.*,
            p.outage_after,
            e.ts - lag(e.ts) over (partition by e.host order by e.ts) > p.burst_gap as fresh
        from agent_errors as e
        join policy as p on p.scope = 'all'
        where e.kind = 'server failed'
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host order by ts) as run
        from troubles
    )
select
    host,
    min(ts) as since,
    max(ts) as until,
    kind,
    count(*) as events,
    arg_max(message, ts) as last_message
from numbered
group by host, kind, run
having count(*) >= 3 and max(ts) - min(ts) > any_value(outage_after)
order by since, host
