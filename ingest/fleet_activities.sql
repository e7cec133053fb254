-- title:  Fleet's activities: what administrators did, and Fleet itself
-- files:  fleet_activities*, activities*.json, activities*.ndjson
-- sniff:  "activities":\s*\[\s*\{
-- covers: fleet
-- record: ^[^\s}\]]
-- skip:   ^##|^\{[\s\S]*"activities":\s*(\[\s*\]|null)[\s\S]*\}\s*$
--
-- Pages of `GET /activities`, as snapshot lines or bare. Unlike the other answers of the API they
-- tell of moments, so `ts` is when it was done, not when the page was pulled. What was done is
-- `type` (`created_macos_profile`, `transferred_hosts`, `ran_mdm_command`); to whom is in
-- `details`, JSON whose keys each type has its own. `host` is the host's display name, the only
-- one that an activity gives, and is NULL where it names none. Fleet's own doings have no actor.
--
with
    pages as (
        select
            *,
            try(
                from_json(
                    text,
                    replace(
                        '{"pulled_at":"VARCHAR","request":"VARCHAR","body":{"activities":"LIST"},"activities":"LIST"}',
                        '"LIST"',
                        '[{"id":"BIGINT","created_at":"VARCHAR","type":"VARCHAR","actor_full_name":"VARCHAR",'
                        || '"actor_id":"BIGINT","actor_email":"VARCHAR","fleet_initiated":"BOOLEAN","details":"JSON"}]'
                    )
                )
            ) as page
        from records
    ),
    activities as (
        select
            file,
            line,
            emitter,
            page.pulled_at as pulled_at,
            page.request as request,
            unnest(
                list_filter(
                    coalesce(page.body.activities, page.activities), lambda one:one is not null
                )
            ) as a
        from pages
    )
select
    fleet_time(a.created_at) as ts,
    nullif(a.details ->> 'host_display_name', '') as host,
    emitter,
    'info' as level,
    'fleet' as process,
    concat(
        coalesce(nullif(a.actor_full_name, ''), 'Fleet'),
        ' ',
        coalesce(nullif(a.type, ''), 'did something'),
        ': ' || coalesce(
            nullif(a.details ->> 'profile_name', ''),
            nullif(a.details ->> 'software_title', ''),
            nullif(a.details ->> 'script_name', ''),
            nullif(a.details ->> 'team_name', ''),
            nullif(a.details ->> 'fleet_name', '')
        )
    ) as message,
    file,
    line,
    a.id as id,
    nullif(a.type, '') as type,
    nullif(a.actor_full_name, '') as actor,
    a.actor_id as actor_id,
    nullif(a.actor_email, '') as actor_email,
    a.fleet_initiated as fleet_initiated,
    try_cast(a.details ->> 'host_id' as bigint) as host_id,
    nullif(a.details ->> 'profile_name', '') as profile_name,
    nullif(coalesce(a.details ->> 'team_name', a.details ->> 'fleet_name'), '') as team,
    a.details::varchar as details,
    snapshot_time(pulled_at) as pulled_at,
    request,
    case when ts is null then 'created_at is no time' end as reject
from activities
