-- title:    Profile query failing
-- severity: medium
-- explains: verification-stalled
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} cannot tell which profiles it has: {events} failures up to {until}
-- together: {hosts} {have} been unable to tell which profiles they have {when}
-- rows:     agent_errors (host, kind)
--
-- osquery verifies a profile with one query of the details. Where that fails, the Mac may have
-- every profile and Fleet cannot know. osqueryd tells of it in its own log; Fleet does only while
-- it debugs, and where neither is collected, nothing of it can be seen. A query that fails once
-- is asked again in an hour: only what fails in two rounds counts. Look first at the error, then
-- whether the user of the Mac is logged in.
--
with
    failures as (
        select host, ts, message, 'osqueryd' as told_by
        from agent_errors
        where kind = 'query failed' and contains(message, 'fleet_detail_query_mdm_config_profiles')
        union all
        select host, ts, message, 'Fleet'
        from fleet_complaints
        where kind = 'query failed' and contains(query, 'fleet_detail_query_mdm_config_profiles')
    )
select
    host,
    min(ts) as since,
    max(ts) as until,
    'query failed' as kind,
    count(*) as events,
    list_sort(list(distinct told_by)) as told_by,
    arg_max(message, ts) as last_message
from failures
group by host
having max(ts) - min(ts) >= interval 30 minutes
order by since, host
