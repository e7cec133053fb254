-- title:    Certificate refused
-- severity: high
-- explains: tls-trust
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what} ({events} times, last at {until})
-- together: {short}{for_hosts} {when}
-- rows:     certificate_errors
--
-- One side did not trust the other's certificate: nothing gets through until one of them changes.
-- A push
-- certificate concerns every host at once, and Fleet keeps using the old one after a renewal
-- until it is
-- restarted. A handshake that merely breaks off (EOF, timeout) is the network's and is not
-- counted; what one side calls refused and the other expired is one trouble. Look
-- first at the reason, then at who shares it: one OS version, one agent version, one address, or
-- all.
--
with
    refused as (
        select *, if(purpose = 'push', null, host) as concerns
        from certificate_errors
        where ts >= getvariable('since')
    ),
    grouped as (
        select
            concerns as host,
            purpose,
            min(ts) as since,
            max(ts) as until,
            list_sort(list(distinct reason) filter (where reason <> 'refused')) as known,
            if(len(known) > 0, array_to_string(known, ', '), 'refused') as why,
            count(*) as events,
            count(distinct host) as hosts,
            list_sort(list(distinct "table")) as logs,
            arg_min(message, ts) as first_message
        from refused
        group by concerns, purpose
    )
select
    host,
    since,
    until,
    purpose,
    case
        purpose
        when 'push'
        then 'Fleet''s pushes to Apple fail: certificate ' || why
        when 'scep'
        then coalesce(host, 'a host') || ' gets no identity certificate: ' || why
        else coalesce(host, 'someone') || ' refuses or is refused a certificate: ' || why
    end as what,
    case
        purpose
        when 'push'
        then 'Fleet''s pushes to Apple fail: certificate ' || why
        when 'scep'
        then 'no identity certificate (' || why || ')'
        else 'TLS certificate refused (' || why || ')'
    end as short,
    why,
    events,
    hosts,
    logs,
    first_message
from grouped
order by since, host
