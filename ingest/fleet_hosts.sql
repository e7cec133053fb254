-- title:   Fleet's hosts, as its API gives them
-- files:   fleet_hosts*, hosts*.json, hosts*.ndjson, host_*.json
-- sniff:   "hosts":\s*\[\s*\{[^{}]*"(id|uuid)":|"host":\s*\{[^{}]*"(id|uuid)":
-- covers:  fleet
-- record:  ^[^\s}\]]
-- skip:    ^##|^\{[\s\S]*"hosts":\s*(\[\s*\]|null)[\s\S]*\}\s*$
-- general: yes
--
-- Pages of `GET /hosts` and answers of `GET /hosts/:id` and `/hosts/identifier/:x`, each host a
-- row that says how Fleet saw it when the page was pulled. Read as snapshot lines (`{"pulled_at":
-- …, "request": …, "body": {…}}`) and bare, on one line or pretty-printed; a bare page's time is
-- its file's. `fleet_profiles` reads the same answers. A file's name decides; one whose name says
-- neither is `fleet_profiles` if every host in it carries profiles, and this if some do not
-- (hence `general`). To have both tables of one file, add it twice, with `--format` the second
-- time. "Online" tells of osquery alone: `seen_time` is moved by osquery,
-- `last_mdm_checked_in_at` by MDM. Dates before 2001-01-02 mean never and are NULL. A team is
-- called fleet since 2026; both are read. `host` is the hostname, which is what the other logs
-- name; all other names have their columns. A `request` that ends in `#incomplete` is the first
-- page of a list that broke off: a host of its later pages need not be gone.
--
with
    pages as (
        select
            *,
            fleet_page(
                text,
                '{"id":"BIGINT","uuid":"VARCHAR","hardware_serial":"VARCHAR","hostname":"VARCHAR",'
                || '"computer_name":"VARCHAR","display_name":"VARCHAR","platform":"VARCHAR",'
                || '"os_version":"VARCHAR","osquery_version":"VARCHAR","orbit_version":"VARCHAR",'
                || '"fleet_desktop_version":"VARCHAR","status":"VARCHAR","seen_time":"VARCHAR",'
                || '"detail_updated_at":"VARCHAR","label_updated_at":"VARCHAR","policy_updated_at":"VARCHAR",'
                || '"created_at":"VARCHAR","last_enrolled_at":"VARCHAR","last_restarted_at":"VARCHAR",'
                || '"last_mdm_checked_in_at":"VARCHAR","last_mdm_enrolled_at":"VARCHAR",'
                || '"refetch_requested":"BOOLEAN","refetch_critical_queries_until":"VARCHAR",'
                || '"distributed_interval":"BIGINT","config_tls_refresh":"BIGINT",'
                || '"primary_ip":"VARCHAR","public_ip":"VARCHAR","team_id":"BIGINT","team_name":"VARCHAR",'
                || '"fleet_id":"BIGINT","fleet_name":"VARCHAR","hardware_model":"VARCHAR",'
                || '"gigs_disk_space_available":"DOUBLE","disk_encryption_enabled":"BOOLEAN",'
                || '"mdm":{"enrollment_status":"VARCHAR","connected_to_fleet":"BOOLEAN","server_url":"VARCHAR",'
                || '"device_status":"VARCHAR","pending_action":"VARCHAR",'
                || '"os_settings":{"disk_encryption":{"status":"VARCHAR","detail":"VARCHAR"}}}}'
            ) as page
        from records
    ),
    hosts as (
        select
            file,
            line,
            emitter,
            snapshot_time(page.pulled_at) as pulled_at,
            page.request as request,
            unnest(fleet_page_hosts(page)) as h
        from pages
    )
select
    pulled_at as ts,
    fleet_host_name(h) as host,
    emitter,
    'info' as level,
    'fleet' as process,
    concat(
        coalesce(nullif(h.status, ''), 'status not given'),
        ', ',
        coalesce(
            'seen ' || strftime(timezone('UTC', fleet_time(h.seen_time)), '%Y-%m-%dT%H:%M:%SZ'),
            'never seen'
        ),
        ', MDM ' || nullif(h.mdm.enrollment_status, ''),
        if(h.refetch_requested, ', refetch requested', '')
    ) as message,
    file,
    line,
    h.id as id,
    nullif(h.uuid, '') as uuid,
    nullif(h.hardware_serial, '') as hardware_serial,
    nullif(h.hostname, '') as hostname,
    nullif(h.computer_name, '') as computer_name,
    nullif(h.display_name, '') as display_name,
    nullif(h.platform, '') as platform,
    nullif(h.os_version, '') as os_version,
    nullif(h.osquery_version, '') as osquery_version,
    nullif(h.orbit_version, '') as orbit_version,
    nullif(h.fleet_desktop_version, '') as fleet_desktop_version,
    nullif(h.status, '') as status,
    fleet_time(h.seen_time) as seen_time,
    fleet_time(h.detail_updated_at) as detail_updated_at,
    fleet_time(h.label_updated_at) as label_updated_at,
    fleet_time(h.policy_updated_at) as policy_updated_at,
    fleet_time(h.created_at) as created_at,
    fleet_time(h.last_enrolled_at) as last_enrolled_at,
    fleet_time(h.last_restarted_at) as last_restarted_at,
    fleet_time(h.last_mdm_checked_in_at) as last_mdm_checked_in_at,
    fleet_time(h.last_mdm_enrolled_at) as last_mdm_enrolled_at,
    h.refetch_requested as refetch_requested,
    fleet_time(h.refetch_critical_queries_until) as refetch_critical_queries_until,
    h.distributed_interval as distributed_interval,
    h.config_tls_refresh as config_tls_refresh,
    nullif(h.primary_ip, '') as primary_ip,
    nullif(h.public_ip, '') as public_ip,
    nullif(coalesce(h.team_name, h.fleet_name), '') as team,
    coalesce(h.team_id, h.fleet_id) as team_id,
    nullif(h.mdm.enrollment_status, '') as mdm_enrollment_status,
    h.mdm.connected_to_fleet as mdm_connected,
    nullif(h.mdm.server_url, '') as mdm_server_url,
    nullif(h.mdm.device_status, '') as mdm_device_status,
    nullif(h.mdm.pending_action, '') as mdm_pending_action,
    nullif(h.hardware_model, '') as hardware_model,
    h.gigs_disk_space_available as gigs_disk_space_available,
    h.disk_encryption_enabled as disk_encryption_enabled,
    nullif(h.mdm.os_settings.disk_encryption.status, '') as disk_encryption_status,
    nullif(h.mdm.os_settings.disk_encryption.detail, '') as disk_encryption_detail,
    request,
    case
        when pulled_at is null
        then 'pulled_at is no time'
        when coalesce(host, id::varchar) is null
        then 'a host without a name or an id'
    end as reject
from hosts
