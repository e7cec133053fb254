-- title: When each host was last heard of through each channel
-- once:  yes
--
-- A row a host: the first and the last check-in through osquery, orbit, mdm, desktop and its own
-- log, as the logs tell; `seen` and `mdm_seen` are the API's words for osquery and MDM. `visible`
-- names the channels that some log that is collected has shown of any host: one that is in it and
-- has no time for this host was silent, one that is not could not have been seen. A phone has no
-- osquery, orbit or desktop.
--
with
    shown as (
        select
            host,
            if(
                "table" = 'fleet_hosts', if(channel = 'mdm', 'mdm_seen', 'seen'), channel
            ) as channel,
            first_ts,
            last_ts
        from contacts
    ),
    turned as (
        select
            host,
            min(first_ts) filter (where channel = 'osquery') as osquery_first,
            max(last_ts) filter (where channel = 'osquery') as osquery,
            min(first_ts) filter (where channel = 'orbit') as orbit_first,
            max(last_ts) filter (where channel = 'orbit') as orbit,
            min(first_ts) filter (where channel = 'mdm') as mdm_first,
            max(last_ts) filter (where channel = 'mdm') as mdm,
            min(first_ts) filter (where channel = 'desktop') as desktop_first,
            max(last_ts) filter (where channel = 'desktop') as desktop,
            min(first_ts) filter (where channel = 'own log') as own_log_first,
            max(last_ts) filter (where channel = 'own log') as own_log,
            min(first_ts) filter (where channel = 'seen') as seen_first,
            max(last_ts) filter (where channel = 'seen') as seen,
            min(first_ts) filter (where channel = 'mdm_seen') as mdm_seen_first,
            max(last_ts) filter (where channel = 'mdm_seen') as mdm_seen
        from shown
        group by host
    ),
    visible as (
        select coalesce(list_sort(list(distinct replace(channel, ' ', '_'))), []) as visible
        from shown
    )
select h.host, h.platform, t.* exclude (host), v.visible
from hosts as h
cross join visible as v
left join turned as t on t.host = h.host
