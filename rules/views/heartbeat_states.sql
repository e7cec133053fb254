-- title: How each host's heartbeat stands now
-- once:  yes
--
-- `state` is up, silent, asleep, never (in the inventory, and Fleet never heard of it) or
-- unknown: no log that would have told of the host reaches far enough for a word on it. `since`
-- is when that began, as far as it can be told.
--
with
    lives as (select host, max(last_ts) as last_seen from contacts group by host),
    marks as (select host, max(until) as until from watches group by host),
    open as (
        select g.host, g.state, g.since
        from gaps as g
        join lives as l on l.host = g.host and l.last_seen = g.since
    ),
    known as (
        select
            h.*,
            l.last_seen,
            m.until as watched_until,
            o.state as open_state,
            p.collection_after,
            h.heartbeat_period + h.heartbeat_grace as allowed
        from hosts as h
        join policy as p on p.scope = 'all'
        left join lives as l on l.host = h.host
        left join marks as m on m.host = h.host
        left join open as o on o.host = h.host
    )
select
    host,
    platform,
    os_version,
    team,
    case
        when open_state in ('silent', 'asleep')
        then open_state
        when last_seen is null and seen_time is null and snapshot_at is not null
        then 'never'
        when
            last_seen is null
            or getvariable('until') - greatest(last_seen, watched_until) > collection_after
        then 'unknown'
        when greatest(last_seen, watched_until) - last_seen > allowed
        then 'unknown'
        else 'up'
    end as state,
    last_seen,
    if(state = 'never', last_enrolled_at, last_seen) as since,
    watched_until,
    mdm_enrollment_status
from known
