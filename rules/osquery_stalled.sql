-- title:    Stale details
-- severity: medium
-- explains: osquery-stalled
-- needs:    fleet_hosts
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} is online, but its {what} are {age} old; {allowed} is normal
-- together: {hosts} {have} been online without fresh {what} {when}
-- rows:     fleet_hosts (host)
--
-- Fleet calls a host online as soon as osquery asks for work, whether or not it does any: a
-- watchdog that kills each details query, or a worker that hangs, leaves the host green while
-- what Fleet knows of it grows old, and no profile is ever verified. A host that has only just
-- come back has old details too: what counts is the time that it was known to be there. Labels
-- and policies are judged only where another host has fresh ones, for there may be none to ask.
-- Look first at the host's own log for `osqueryd worker … stopping`, then at Fleet's for answers
-- that it could not store.
--
with
    latest as (
        select
            coalesce(a.host, f.host) as host,
            f.ts,
            f.seen_time,
            f.detail_updated_at,
            f.label_updated_at,
            f.policy_updated_at,
            f.osquery_version
        from fleet_hosts as f
        left join aliases as a on a.alias = lower(f.host)
        where f.ts >= getvariable('since') and f.ts < getvariable('until')
        qualify row_number() over (partition by coalesce(a.host, f.host) order by f.ts desc) = 1
    ),
    first as (select host, min(first_ts) as first_ts from contacts group by host),
    returns as (
        select g.host, max(g.back) as back
        from gaps as g
        join hosts as h on h.host = g.host
        where g.state in ('gap', 'asleep', 'silent') or g.length > h.details_after
        group by g.host
    ),
    online as (
        select l.*, greatest(f.first_ts, r.back) as there_since, h.details_after, h.os_version
        from latest as l
        join hosts as h on h.host = l.host
        join first as f on f.host = l.host
        left join returns as r on r.host = l.host and r.back <= l.seen_time
        where
            l.ts - l.seen_time <= h.heartbeat_period + h.heartbeat_grace
            and lower(coalesce(h.mdm_enrollment_status, '')) <> 'pending'
    ),
    parts as (
        select *, 'details' as part, detail_updated_at as refreshed
        from online
        union all
        select *, 'labels', label_updated_at
        from online
        union all
        select *, 'policies', policy_updated_at
        from online
    ),
    judged as (
        select
            *,
            seen_time - greatest(refreshed, there_since) > details_after as stale,
            bool_or(seen_time - refreshed <= details_after) over (partition by part) as others_fresh
        from parts
    )
select
    host,
    min(refreshed) as since,
    max(ts) as until,
    array_to_string(list(part order by part), ', ') as what,
    max(ts) - min(refreshed) as age,
    any_value(details_after) as allowed,
    any_value(osquery_version) as osquery_version,
    any_value(os_version) as os_version
from judged
where stale and (part = 'details' or others_fresh)
group by host
order by since, host
