-- title:    Push certificate of another topic
-- severity: critical
-- explains: push-certificate
-- needs:    fleet_apns, fleet_hosts
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {short}{for_hosts} {when}
-- rows:     push_certificates
--
-- A Mac listens for pushes of the topic that it was enrolled with, which is the common name of
-- the push certificate. A renewal keeps it; one that was made new, or under another Apple
-- account, has another, and no push reaches any Mac that was enrolled before. Restore the old
-- certificate and renew it under its own account, or enroll these Macs anew. A later end under
-- the same name is a renewal as it should be, and Macs enrolled after the change are fine.
--
with
    enrolled as (
        select h.host, coalesce(max(f.last_mdm_enrolled_at), timestamptz 'epoch') as enrolled_at
        from hosts as h
        left join aliases as a on a.host = h.host
        left join fleet_hosts as f on lower(f.host) = a.alias and f.ts <= getvariable('until')
        where starts_with(h.mdm_enrollment_status, 'On')
        group by h.host
    ),
    topics as (
        select
            e.host,
            e.enrolled_at,
            coalesce(
                c.topic, (select topic from push_certificates order by number limit 1)
            ) as topic
        from enrolled as e
        asof left join push_certificates as c on c.since <= e.enrolled_at
    ),
    changed as (
        select t.host, t.topic as enrolled_topic, n.topic, n.since, n.until
        from topics as t
        join push_certificates as n on n.current and n.topic <> t.topic
    ),
    refused as (
        select host, min(ts) as since, max(ts) as until, count(*) as events
        from certificate_errors
        where purpose = 'push' and reason = 'wrong topic' and ts >= getvariable('since')
        group by host
    ),
    whole as (select (select count(*) from changed) = (select count(*) from topics) as everybody),
    affected as (
        select
            if(w.everybody, null, c.host) as host,
            min(c.since) as since,
            max(c.until) as until,
            count(*) as hosts,
            any_value(c.enrolled_topic) as enrolled_topic,
            any_value(c.topic) as topic
        from changed as c
        cross join whole as w
        group by all
    )
select
    coalesce(a.host, r.host) as host,
    least(a.since, r.since) as since,
    greatest(a.until, r.until) as until,
    'push' as purpose,
    a.enrolled_topic,
    a.topic,
    coalesce(r.events, 0) as events,
    coalesce(a.hosts, 1) as hosts,
    case
        when a.since is null
        then
            'Apple refuses pushes'
            || coalesce(' for ' || r.host, '')
            || ': they are for another topic than the Mac was enrolled with ('
            || if(r.events = 1, 'once', r.events || ' times')
            || ')'
        else
            'Fleet''s push certificate has been replaced by one of another topic ('
            || a.topic
            || '): '
            || coalesce(a.host, a.hosts || if(a.hosts = 1, ' host', ' hosts'))
            || ' must be enrolled anew'
    end as what,
    'pushes are for another topic than at enrollment' as short
from affected as a
full join refused as r on a.host is not distinct from r.host
order by since, host
