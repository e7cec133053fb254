-- title:    Another server's certificate refused by Fleet
-- severity: medium
-- every:    1 hour
-- window:   24 hours
-- alert:    Fleet refuses the certificate of {server}: {reason} ({times}, last at {until})
-- together: Fleet refuses the certificate of {server} {when}
-- rows:     certificate_errors (purpose)
--
-- Fleet calls other servers: those that feed its list of vulnerabilities, webhooks, log
-- destinations, Apple's list of devices, its database. One whose certificate it does not trust
-- gets nothing from it, or gives nothing. Hosts are not concerned, so nobody's Pending is
-- explained by it; pushes and identities have rules of their own. A single refusal may be a proxy
-- that was being restarted. Look first whether something between inspects TLS.
--
with
    failures as (
        select
            *,
            coalesce(
                nullif(regexp_extract(message, 'https?://([^/":\s]+)', 1), ''),
                nullif(regexp_extract(message, 'is valid for .*, not ([\w.-]+)', 1), ''),
                'another server'
            ) as server
        from certificate_errors
        where purpose = 'outgoing' and ts >= getvariable('since')
    )
select
    null as host,
    min(ts) as since,
    max(ts) as until,
    'outgoing' as purpose,
    server,
    mode(reason) as reason,
    count(*) as events,
    count(*) || ' times' as times,
    arg_min(message, ts) as first_message
from failures
group by server
having count(*) > 1
order by since, server
