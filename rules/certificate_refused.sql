-- title:    Certificate refused
-- severity: high
-- explains: tls-trust
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what} ({events} times, last at {until})
-- together: {short}{for_hosts} since {since}
-- rows:     certificate_errors
--
-- One side did not trust the other's certificate: nothing gets through until one of them changes.
-- A push
-- certificate concerns every host at once, and Fleet keeps using the old one after a renewal
-- until it is
-- restarted. A handshake that merely breaks off (EOF, timeout) is the network's and is not
-- counted. Look
-- first at the reason, then at who shares it: one OS version, one agent version, one address, or
-- all.
--
select
    case when purpose = 'push' then null else host end as host,
    min(ts) as since,
    max(ts) as until,
    reason,
    purpose,
    case
        when purpose = 'push'
        then 'Fleet''s pushes to Apple fail: certificate ' || reason
        when purpose = 'scep'
        then coalesce(any_value(host), 'a host') || ' gets no identity certificate: ' || reason
        else
            coalesce(any_value(host), 'someone')
            || ' refuses or is refused a certificate: '
            || reason
    end as what,
    case purpose
        when 'push'
        then 'Fleet''s pushes to Apple fail: certificate ' || reason
        when 'scep'
        then 'no identity certificate (' || reason || ')'
        else 'TLS certificate refused (' || reason || ')'
    end as short,
    count(*) as events,
    count(distinct host) as hosts,
    list_sort(list(distinct "table")) as logs,
    arg_min(message, ts) as first_message
from certificate_errors
where ts >= getvariable('since')
group by case when purpose = 'push' then null else host end, reason, purpose
order by since
