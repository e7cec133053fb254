-- title:    Old push certificate in use
-- severity: critical
-- explains: push-certificate
-- needs:    fleet_server, fleet_apns
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: Fleet pushes with an old certificate and must be restarted {when}
-- rows:     push_certificates
--
-- Fleet keeps the push certificate that it read first in its memory: after a renewal the new one
-- is stored and shown, and the old one is used until the server is restarted. Apple says
-- "expired" then, or no log says anything and profiles wait on one host after the other. As long
-- as the old certificate has not ended, nothing is wrong; and after a start of Fleet's server
-- later than the renewal this cannot be. Silence of pushes proves it only where Fleet's log is
-- collected from the renewal on, and more hosts wait than were served. Restart every server of
-- Fleet.
--
with
    failures as (
        select min(e.ts) as since, max(e.ts) as until, count(*) as events, max(c.number) as number
        from certificate_errors as e
        asof join push_certificates as c on c.since <= e.ts
        where
            e.purpose = 'push'
            and e.reason = 'expired'
            and e.ts >= getvariable('since')
            and c.not_after > e.ts
        having count(*) > 0
    ),
    renewals as (
        select *, greatest(since, former_not_after) as broken
        from push_certificates
        where
            current
            and not_before is not null
            and former_topic = topic
            and not_after > getvariable('until')
            and former_not_after <= getvariable('until')
            and exists (
                from covered as c
                where
                    c.format = 'fleet_server'
                    and c.since <= push_certificates.not_before
                    and c.until >= push_certificates.until
            )
            and not exists (
                from fleet_starts as s
                where s.ts >= push_certificates.not_before and s.ts < getvariable('until')
            )
    ),
    deliveries as (
        select
            r.number,
            r.broken,
            max(p.until) as until,
            count(distinct p.host) filter (
                where
                    p.status = 'pending'
                    and p.until - greatest(p.since, r.broken) > h.pending_after
                    and h.snapshot_at - h.seen_time <= h.heartbeat_period + h.heartbeat_grace
            ) as waiting,
            count(distinct p.host) filter (
                where p.status in ('verifying', 'verified') and p.not_before >= r.broken
            ) as served
        from renewals as r
        join profile_states as p on p.until > r.broken
        join hosts as h on h.host = p.host
        where coalesce(h.mdm_enrollment_status, 'On') not in ('Pending', 'Off')
        group by r.number, r.broken
    ),
    told as (
        select
            since,
            until,
            number,
            events,
            null as waiting,
            'Apple said "expired" ' || if(events = 1, 'once', events || ' times') as how
        from failures
        where not exists (from fleet_starts as s where s.ts > failures.until)
        union all
        select
            broken,
            until,
            number,
            0,
            waiting,
            'since the old one ended, profiles wait on '
            || waiting
            || ' online hosts and reached '
            || served
        from deliveries
        where waiting > 1 and waiting > served and not exists (from failures)
    )
select
    null as host,
    t.since,
    t.until,
    'Fleet has a push certificate that is good until '
    || strftime(c.not_after, '%Y-%m-%d')
    || ', and still pushes with an old one: '
    || t.how
    || '; restart it' as what,
    c.not_after,
    c.serial_number,
    c.not_before as renewed_after,
    c.since as renewed_before,
    c.former_not_after,
    t.events,
    t.waiting
from told as t
join push_certificates as c on c.number = t.number
