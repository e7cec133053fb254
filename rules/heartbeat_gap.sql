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
-- collected, a closed lid looks the same. Outside its hours, between the moments of its calendar
-- and while it is paused, a host is not expected; say so in [policy.darwin] for laptops that are
-- shut at night, or let their period be learned. A host that Fleet has listed for more than a day
-- and never heard of is here too. Look first whether others fell silent in the same minute: then
-- it is the way or the server, not the host.
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
            min(since) filter (where state = 'silent') as silent_since
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
    never as (
        select
            s.host,
            s.since,
            h.snapshot_at as until,
            'is in the inventory and never reported' as told,
            'in the inventory but never heard of' as how
        from heartbeat_states as s
        join hosts as h on h.host = s.host
        where s.state = 'never'
    )
from silent
union all by name
from never
order by since, host
