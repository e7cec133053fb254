-- title:    Push certificate refused
-- severity: critical
-- explains: push-certificate
-- needs:    fleet_server, fleet_apns
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {short} {when}
-- rows:     certificate_errors (purpose)
--
-- Without its push certificate Fleet cannot wake a Mac: what is queued waits until the Mac comes
-- by itself, which may take days. It concerns every host at once. Apple says why it refuses, in
-- Fleet's log, or the errors that Fleet keeps; where no push was tried, or no log is collected,
-- the certificate's end and profiles that wait longer since then say the same. One that has ended
-- while nothing waits harms nobody yet, and is `certificate_expiring_soon`; a refusal without a
-- reason may be a broken connection if it is the only one. Renew it under the same Apple account,
-- then restart Fleet.
--
with
    failures as (
        select e.*
        from certificate_errors as e
        asof left join push_certificates as c on c.since <= e.ts
        where
            e.purpose = 'push'
            and e.reason
            not in ('dead token', 'wrong topic', 'unknown authority', 'wrong name', 'not yet valid')
            and e.ts >= getvariable('since')
            -- the stored one is good: it is another that Fleet pushes with
            and not (e.reason = 'expired' and coalesce(c.not_after > e.ts, false))
    ),
    refused as (
        select
            min(ts) as since,
            max(ts) as until,
            coalesce(mode(reason) filter (where reason <> 'refused'), 'refused') as reason,
            count(*) as events,
            arg_min(message, ts) as first_message
        from failures
        having count(*) filter (where reason <> 'refused') > 0 or count(*) > 1
    ),
    ended as (
        select
            any_value(c.not_after) as not_after,
            max(p.until) as until,
            count(distinct p.host) as waiting
        from push_certificates as c
        join pending as p on p.status = 'pending' and p.until > c.not_after
        join hosts as h on h.host = p.host
        where
            c.current
            and c.not_after < getvariable('until')
            and p.until - greatest(p.since, c.not_after) > h.pending_after
            and coalesce(h.mdm_enrollment_status, 'On') not in ('Pending', 'Off')
        having count(*) > 0
    )
select
    null as host,
    least(r.since, e.not_after) as since,
    greatest(r.until, e.until) as until,
    'push' as purpose,
    coalesce(r.reason, 'expired') as reason,
    coalesce(r.events, 0) as events,
    e.not_after,
    e.waiting,
    if(
        r.since is null,
        'Fleet''s push certificate ended at '
        || strftime(e.not_after, '%Y-%m-%d %H:%M UTC')
        || ', and profiles wait since on '
        || e.waiting
        || if(e.waiting = 1, ' host', ' hosts'),
        'Fleet''s pushes to Apple fail: certificate '
        || r.reason
        || ' ('
        || if(r.events = 1, 'once', r.events || ' times')
        || ', last at '
        || strftime(r.until, '%H:%M UTC')
        || ')'
    ) as what,
    if(
        r.since is null,
        'Fleet''s push certificate has ended',
        'Fleet''s pushes to Apple fail: certificate ' || r.reason
    ) as short,
    r.first_message
from refused as r
full join ended as e on true
