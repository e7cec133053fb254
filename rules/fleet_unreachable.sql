-- title:    Failure to reach Fleet
-- severity: high
-- explains: network
-- needs:    orbit | journald
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
-- network, all at one site their proxy or name server, all hosts the server or its name. Where
-- osquery gets through and MDM alone does not, it is `mdm_unreachable`.
--
select
    host,
    since,
    until,
    kind,
    case
        kind
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
    events,
    kinds,
    logs,
    last_message
from unreachable
where way = 'fleet'
order by since, host
