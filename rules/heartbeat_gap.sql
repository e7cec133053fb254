-- title:    Heartbeat gap
-- severity: medium
-- explains: host-offline
-- needs:    nginx_access | alb_access | fleet_hosts
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} {told}
-- together: {hosts} {have} been {how} {when}
-- rows:     gaps
--
-- A host that checks in every few seconds and then does not is off, asleep, cut off or broken. A
-- sleep that the host's own log tells of is none of these and is not here; where that log is not
-- collected, a closed lid looks the same. Look first whether others fell silent in the same
-- minute: then it is the way or the server, not the host. Loosen `heartbeat` for laptops in
-- [policy.darwin].
--
with
    latest as (
        select
            host,
            min(since) as since,
            max(until) as until,
            count(*) as gaps,
            max(length) as longest,
            sum(epoch(length)) as total_s,
            bool_or(state = 'silent') as silent,
            max(since) filter (where state = 'silent') as silent_since
        from gaps
        where state in ('silent', 'gap')
        group by host
    ),
    silent as (
        select
            host,
            case when silent then silent_since else since end as since,
            until,
            gaps,
            epoch(longest) as longest_s,
            total_s,
            case
                when silent
                then 'has been silent since ' || strftime(silent_since, '%Y-%m-%d %H:%M UTC')
                else
                    'was silent for '
                    || cast(round(total_s / 60) as bigint)
                    || ' min, in '
                    || gaps
                    || case when gaps = 1 then ' gap' else ' gaps' end
            end as told,
            if(silent, 'silent', 'silent at times') as how
        from latest
    ),
    listed as (select host, min(ts) as since from fleet_hosts group by host),
    never as (
        select
            h.host,
            coalesce(h.last_enrolled_at, l.since) as since,
            snapshot_at as until,
            'is in the inventory and never reported' as told,
            'in the inventory but never heard of' as how
        from hosts as h
        join listed as l on l.host = h.host
        where
            seen_time is null
            and lower(coalesce(mdm_enrollment_status, '')) <> 'pending'
            and h.host not in (from contacts select host)
            and snapshot_at - coalesce(last_enrolled_at, timestamptz '2001-01-02 00:00:00+00')
            > interval 1 hour
    )
from silent
union all by name
from never
order by since, host
