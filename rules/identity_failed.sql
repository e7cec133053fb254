-- title:    Identity certificate not issued
-- severity: high
-- explains: identity-certificate
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} gets no identity certificate: {reason} ({times}, last at {until})
-- together: no identity certificate ({reason}){for_hosts} {when}
-- rows:     certificate_errors (host, purpose)
--
-- A Mac gets its certificate over SCEP, from Fleet or through it. Without one it cannot prove who
-- it is: an enrollment stops, a renewal leaves it with one that ends. Fleet's log, the Mac's own
-- and the profile that failed tell of it. A challenge that is gone never comes back: resend the
-- profile. A Mac whose certificate profile arrived after the last failure has got it. Where a
-- server answered 429 to many at once, `scep_throttled` says so for all of them. What names no
-- host is the server's trouble from the fifth time on.
--
with
    lines as (
        select host, ts, reason, message
        from certificate_errors
        where purpose = 'identity' and ts >= getvariable('since') and reason <> 'too many requests'
        union all
        select host, since, if(contains(detail, 'hallenge'), 'challenge refused', 'failed'), detail
        from profile_states
        where
            status = 'failed'
            and since >= getvariable('since')
            and contains(detail, 'SCEP')
            and not regexp_matches(detail, '\b429\b|Too Many Requests')
    ),
    counted as (
        select
            host,
            min(ts) as since,
            max(ts) as until,
            coalesce(mode(reason) filter (where reason <> 'failed'), 'failed') as reason,
            count(*) as events,
            arg_min(message, ts) as first_message
        from lines
        group by host
    )
select
    host,
    since,
    until,
    'identity' as purpose,
    reason,
    events,
    if(events = 1, 'once', events || ' times') as times,
    first_message
from counted as c
where
    if(host is null, events >= 5, true)
    and not exists (
        from profile_states as p
        where
            p.host = c.host
            and p.status in ('verifying', 'verified')
            and p.since > c.until
            and regexp_matches(p.profile, '(?i)scep|certificate|identity|enrol')
    )
order by since, host
