-- title:    Failure to reach Fleet
-- severity: high
-- explains: network
-- needs:    orbit | unified_log
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} does not get through: {what} ({events} times, {since} to {until})
-- together: {hosts} {have} not got through: {what}, {when}
-- rows:     agent_errors (host, kind)
--
-- The host itself says that it found no name, no way or no answer, or that somebody else answered
-- with a web page, as proxies and captive portals do. A single failure is nothing, and a laptop
-- that wakes fails for some seconds until its network is up, in the dark as well, each quarter of
-- an hour: only what goes on counts. orbit tells of such failures at level INFO, each twice. Look
-- first at who shares it: one host is its own
-- network, all at one site their proxy or name server, all hosts the server or its name.
--
with
    troubles as (
        select e.*, coalesce(h.network_after, p.network_after) as allowed
        from agent_errors as e
        join policy as p on p.scope = 'all'
        left join hosts as h on h.host = e.host
        where
            e.kind in (
                'no such host',
                'connection refused',
                'timeout',
                'unreachable',
                'offline',
                'html answer',
                'no host in URL'
            )
            and not exists (
                from asleep as z where z.host = e.host and e.ts between z.since and z.until
            )
    ),
    steps as (
        -- the updater asks each quarter of an hour, all else within a minute
        select
            *,
            ts - lag(ts) over (partition by host order by ts)
            > if(kind in ('html answer', 'no host in URL'), interval 20 minutes, allowed) as fresh
        from troubles
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by host order by ts) as run
        from steps
    )
select
    host,
    min(ts) as since,
    max(ts) as until,
    mode(kind) as kind,
    case
        mode(kind)
        when 'no such host'
        then 'the server''s name is not found'
        when 'connection refused'
        then 'its connections are refused'
        when 'timeout'
        then 'nothing answers in time'
        when 'unreachable'
        then 'there is no way to the server'
        when 'offline'
        then 'macOS says that it is offline'
        when 'html answer'
        then 'a proxy or a captive portal answers with a web page'
        else 'its agent was not told the server''s name'
    end as what,
    count(*) as events,
    list_sort(list(distinct kind)) as kinds,
    list_sort(list(distinct "table")) as logs,
    arg_max(message, ts) as last_message
from numbered
group by host, run
having count(*) >= 3 and max(ts) - min(ts) >= any_value(allowed)
order by since, host
