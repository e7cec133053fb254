-- title:    Certificate refused
-- severity: high
-- explains: tls-trust
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what} ({times}, last at {until})
-- together: {short}{for_hosts} {when}
-- rows:     certificate_errors (host, purpose)
--
-- One side did not trust the other's certificate: nothing gets through until one of them changes.
-- A push certificate concerns every host at once, and Fleet keeps using the old one after a
-- renewal until it is restarted. Both ends of a handshake may tell of it, and the one that
-- refused knows the reason: so "refused" alone stands only where nobody said more. A handshake
-- that merely breaks off (EOF, timeout) is the network's and is not counted, nor is one that
-- spoke too old a protocol, as scanners do; a single refusal without a reason may be a broken
-- packet. Look first at the reason, then at who shares it: one OS version, one agent version, one
-- address, or all.
--
with
    refusals as (
        select *, if(purpose = 'push', null, coalesce(host, emitter)) as whom
        from certificate_errors
        where ts >= getvariable('since') and ts < getvariable('until') and reason <> 'protocol'
    ),
    counted as (
        select
            whom as host,
            purpose,
            min(ts) as since,
            max(ts) as until,
            coalesce(mode(reason) filter (where reason <> 'refused'), 'refused') as reason,
            count(*) as events,
            count(distinct host) as hosts,
            list_sort(list(distinct "table")) as logs,
            arg_min(message, (ts, "table", line)) as first_message
        from refusals
        group by whom, purpose
    )
select
    host,
    since,
    until,
    reason,
    purpose,
    case
        purpose
        when 'push'
        then 'Fleet''s pushes to Apple fail: certificate ' || reason
        when 'scep'
        then coalesce(host, 'a host') || ' gets no identity certificate: ' || reason
        else
            coalesce(host, 'someone')
            || ' refuses or is refused a certificate'
            || if(reason = 'refused', '', ': ' || reason)
    end as what,
    case
        purpose
        when 'push'
        then 'Fleet''s pushes to Apple fail: certificate ' || reason
        when 'scep'
        then 'no identity certificate (' || reason || ')'
        else 'TLS certificate refused' || if(reason = 'refused', '', ' (' || reason || ')')
    end as short,
    events,
    if(events = 1, 'once', events || ' times') as times,
    hosts,
    logs,
    first_message
from counted
where reason <> 'refused' or events > 1
order by since, host
