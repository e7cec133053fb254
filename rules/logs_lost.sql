-- title:    Lost log lines
-- severity: medium
-- explains: collection-gap
-- every:    1 hour
-- window:   24 hours
-- alert:    {host} {what}, from {since} to {until}: nothing can be said of what they told
-- together: {hosts} {have} lost log lines {when}
-- rows:     agent_errors (host, kind)
--
-- osqueryd keeps what it cannot send, a million lines, and then throws the oldest away; it never
-- sends a line that is too long. macOS drops messages where a program says more than it can
-- write, which in small numbers happens on every Mac. In that time the log is not whole, and
-- silence in it means nothing. Look first at why the lines could not be sent: Fleet answers with
-- an error as long as the place where it files the logs does not take them.
--
select
    host,
    min(ts) as since,
    max(ts) as until,
    kind,
    case
        kind
        when 'purged'
        then 'threw away log lines that it could not send'
        when 'line too long'
        then 'dropped ' || count(*) || ' log lines that were too long'
        else 'lost ' || cast(sum(amount) as bigint) || ' lines or more of its unified log'
    end as what,
    count(*) as events,
    arg_max(message, ts) as last_message
from agent_errors
where kind in ('purged', 'line too long', 'lines lost')
group by host, kind
having count(*) >= case kind when 'purged' then 1 when 'line too long' then 3 else 100 end
order by since, host, kind
