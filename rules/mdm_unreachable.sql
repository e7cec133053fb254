-- title:    Failure of MDM alone to get through
-- severity: high
-- explains: mdm-channel
-- every:    5 minutes
-- window:   24 hours
-- alert:    MDM alone of {host} does not get through: {what} ({events} times, {since} to {until})
-- together: MDM on {hosts} has not got through {when}
-- rows:     agent_errors (host, kind)
--
-- The host's agent reaches Fleet all the time, while the Mac's own MDM client, or what serves
-- Apple's push, finds no name, no way or no answer: a content filter or a firewall lets the one
-- through and not the other, or the way to Apple is shut (ports 443 and 5223 to 17.0.0.0/8).
-- Nothing is delivered to such a Mac. A host of which nothing else is heard either has lost its
-- network: that is `fleet_unreachable`. Look first at filters on the Mac (`systemextensionsctl
-- list`), then at what its network lets through.
--
select
    host,
    since,
    until,
    kind,
    array_to_string(programs, ' and ') as programs,
    case
        kind
        when 'no such host'
        then 'a name is not found'
        when 'connection refused'
        then 'its connections are refused'
        when 'timeout'
        then 'nothing answers in time'
        else 'there is no way'
    end as what,
    events,
    kinds,
    last_message
from unreachable
where way = 'mdm'
order by since, host
