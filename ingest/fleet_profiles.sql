-- title:  Fleet's profiles of each host, as its API gives them
-- files:  fleet_profiles*, profiles*.json, profiles*.ndjson
-- sniff:  "hosts?":\s*[\[{][\s\S]*"profiles":\s*\[\s*\{
-- covers: fleet
-- record: ^[^\s}\]]
-- skip:   ^##|^\{\s*("pulled_at":\s*"\d{4}-[\s\S]*)?"hosts?":\s*[\[{n][\s\S]*\}\s*$
--
-- `mdm.profiles` of the answers that `fleet_hosts` reads (its prose says how a file is told to be
-- of the one or the other), each profile of each host a row. A host without profiles gives none
-- and is no loss. Fleet tells a profile's status but not since when, nor which command delivers
-- it, so these snapshots, taken often enough, are the only history there is. `pending` is also
-- how the API shows a profile for which no command was made yet. Declarations are in the list
-- too; osquery never verifies those.
--
with
    pages as (
        select
            *,
            fleet_page(
                text,
                '{"id":"BIGINT","uuid":"VARCHAR","hardware_serial":"VARCHAR","hostname":"VARCHAR",'
                || '"computer_name":"VARCHAR","display_name":"VARCHAR","mdm":{"profiles":[{"profile_uuid":"VARCHAR",'
                || '"name":"VARCHAR","status":"VARCHAR","operation_type":"VARCHAR","detail":"VARCHAR",'
                || '"platform":"VARCHAR","scope":"VARCHAR"}]}}'
            ) as page
        from records
    ),
    hosts as (
        select
            file,
            line,
            emitter,
            snapshot_time(page.pulled_at) as pulled_at,
            unnest(fleet_page_hosts(page)) as h
        from pages
    ),
    profiles as (
        select *, unnest(list_filter(h.mdm.profiles, lambda one:one is not null)) as p from hosts
    )
select
    pulled_at as ts,
    fleet_host_name(h) as host,
    emitter,
    if(p.status = 'failed', 'error', 'info') as level,
    'fleet' as process,
    concat(
        coalesce(p.name, p.profile_uuid, 'a profile without a name'),
        ': ',
        concat_ws(
            ' ', nullif(p.operation_type, ''), coalesce(nullif(p.status, ''), 'without a status')
        ),
        ': ' || nullif(p.detail, '')
    ) as message,
    file,
    line,
    h.id as host_id,
    nullif(h.uuid, '') as host_uuid,
    nullif(h.hardware_serial, '') as hardware_serial,
    nullif(p.profile_uuid, '') as profile_uuid,
    nullif(p.name, '') as profile_name,
    nullif(p.status, '') as status,
    nullif(p.operation_type, '') as operation_type,
    nullif(p.detail, '') as detail,
    nullif(p.platform, '') as platform,
    nullif(p.scope, '') as scope,
    case
        when pulled_at is null
        then 'pulled_at is no time'
        when coalesce(profile_uuid, profile_name) is null
        then 'a profile without a name or an id'
    end as reject
from profiles
