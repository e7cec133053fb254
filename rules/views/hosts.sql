-- title: One row a host, as it was last known, with the policy that holds for it
-- once:  yes
--
-- From Fleet's newest snapshot before the window's end, whatever it called the host before; what
-- only answers about one host tell of is the newest that was told. `names` are all that it goes
-- by, `addresses` where it was, the newest first. A host that was on the list of hosts and
-- of which nothing came since that list was pulled again has been deleted, and is not here: a
-- list begins with its first page, whichever page the host was on, for a host that is deleted
-- moves all others nearer to the front. A first page whose request ends in `#incomplete` begins
-- no list. A host that only its own log tells of has no more than its name. Where there is no
-- inventory at all, whoever checked in is a host; a name that Fleet knows, but not whose it is, is
-- none. The policy columns are the nearest that
-- lastseen.toml says: the host's, else its platform's, else everyone's. Phones and tablets have
-- no osquery, so no heartbeat unless lastseen.toml says so.
--
with
    listed as (
        select
            *,
            if(
                regexp_matches(request, '/hosts([?#]|$)'),
                regexp_replace(
                    request, '[?&](page|per_page|order_key|order_direction)=[^&#]*|#.*', '', 'g'
                ),
                null
            ) as list
        from (select distinct host, ts, request from host_snapshots)
    ),
    lists as (
        select list, max(ts) as list_ts
        from listed
        where list is not null and not regexp_matches(request, '[?&]page=0*[1-9]|#')
        group by list
    ),
    newest as (
        select l.host, max(l.ts) as ts, max_by(lists.list_ts, l.ts) as its_list_ts
        from listed as l
        left join lists on lists.list = l.list
        group by l.host
    ),
    details as (
        select
            host,
            max(last_mdm_checked_in_at) as last_mdm_checked_in_at,
            max(last_mdm_enrolled_at) as last_mdm_enrolled_at,
            max_by(mdm_device_status, ts) as mdm_device_status,
            arg_max_null(mdm_pending_action, ts) filter (
                where mdm_device_status is not null
            ) as mdm_pending_action,
            max_by(disk_encryption_status, ts) as disk_encryption_status,
            max_by(refetch_critical_queries_until, ts) as refetch_critical_queries_until,
            max_by(last_restarted_at, ts) as last_restarted_at,
            max_by(fleet_desktop_version, ts) as fleet_desktop_version,
            max_by(orbit_version, ts) as orbit_version
        from host_snapshots
        group by host
    ),
    latest as (
        select s.*, n.its_list_ts
        from host_snapshots as s
        join newest as n on n.host = s.host and n.ts = s.ts
        qualify
            row_number() over (partition by s.host order by s.seen_time desc nulls last, s.id) = 1
    ),
    inventory as (
        select
            l.* exclude (
                last_mdm_checked_in_at,
                last_mdm_enrolled_at,
                mdm_device_status,
                mdm_pending_action,
                disk_encryption_status,
                refetch_critical_queries_until,
                last_restarted_at,
                fleet_desktop_version,
                orbit_version
            ),
            d.* exclude (host)
        from latest as l
        join details as d on d.host = l.host
        where l.its_list_ts is null or l.its_list_ts <= l.ts
    ),
    others as (
        select distinct host
        from contacts
        where
            host is not null
            and host not in (from latest select host)
            and lower(host) not in (from alias_claims select alias where "table" <> 'coverage')
            and (channel = 'own log' or not exists (from latest))
    ),
    stays as (
        select host, alias, max(until) as until
        from alias_claims
        where kind = 'address'
        group by host, alias
    ),
    named as (
        select host, list_sort(list(distinct alias)) as names
        from alias_claims
        where kind <> 'address'
        group by host
    ),
    placed as (
        select host, list(alias order by until desc, alias) as addresses from stays group by host
    ),
    known as (
        select
            host,
            id,
            uuid,
            hardware_serial,
            hostname,
            computer_name,
            display_name,
            platform,
            os_version,
            team,
            team_id,
            primary_ip,
            public_ip,
            status,
            seen_time,
            detail_updated_at,
            label_updated_at,
            policy_updated_at,
            created_at,
            last_enrolled_at,
            last_restarted_at,
            last_mdm_checked_in_at,
            last_mdm_enrolled_at,
            refetch_requested,
            refetch_critical_queries_until,
            distributed_interval,
            config_tls_refresh,
            mdm_enrollment_status,
            mdm_connected,
            mdm_server_url,
            mdm_device_status,
            mdm_pending_action,
            disk_encryption_status,
            orbit_version,
            osquery_version,
            fleet_desktop_version,
            hardware_model,
            ts as snapshot_at
        from inventory
        union all by name
        select host
        from others
    )
select
    known.*,
    coalesce(named.names, [lower(known.host)]) as names,
    coalesce(placed.addresses, []) as addresses,
    coalesce(
        own.heartbeat_period,
        kind.heartbeat_period,
        if(known.platform in ('ios', 'ipados', 'android'), null, everyone.heartbeat_period)
    ) as heartbeat_period,
    coalesce(
        own.heartbeat_grace, kind.heartbeat_grace, everyone.heartbeat_grace
    ) as heartbeat_grace,
    coalesce(own.pending_after, kind.pending_after, everyone.pending_after) as pending_after,
    coalesce(
        own.verifying_after, kind.verifying_after, everyone.verifying_after
    ) as verifying_after,
    coalesce(own.mdm_after, kind.mdm_after, everyone.mdm_after) as mdm_after,
    coalesce(
        own.heartbeat_learned, kind.heartbeat_learned, everyone.heartbeat_learned
    ) as heartbeat_learned,
    nullif(
        coalesce(
            own.heartbeat_calendar,
            kind.heartbeat_calendar,
            if(known.platform in ('ios', 'ipados', 'android'), null, everyone.heartbeat_calendar)
        ),
        ''
    ) as heartbeat_calendar,
    nullif(
        coalesce(own.heartbeat_hours, kind.heartbeat_hours, everyone.heartbeat_hours), ''
    ) as heartbeat_hours,
    nullif(
        coalesce(
            own.heartbeat_paused_until, kind.heartbeat_paused_until, everyone.heartbeat_paused_until
        ),
        timestamptz '1970-01-01 00:00:00+00'
    ) as heartbeat_paused_until,
    coalesce(own.details_after, kind.details_after, everyone.details_after) as details_after,
    coalesce(own.refetch_after, kind.refetch_after, everyone.refetch_after) as refetch_after,
    coalesce(own.enrolled_after, kind.enrolled_after, everyone.enrolled_after) as enrolled_after,
    coalesce(own.crash_within, kind.crash_within, everyone.crash_within) as crash_within,
    coalesce(
        own.watchdog_within, kind.watchdog_within, everyone.watchdog_within
    ) as watchdog_within,
    coalesce(own.network_after, kind.network_after, everyone.network_after) as network_after,
    coalesce(own.reads_after, kind.reads_after, everyone.reads_after) as reads_after,
    coalesce(own.clock_after, kind.clock_after, everyone.clock_after) as clock_after,
    coalesce(own.queue_after, kind.queue_after, everyone.queue_after) as queue_after,
    coalesce(own.pushed_for, kind.pushed_for, everyone.pushed_for) as pushed_for,
    coalesce(
        own.declaration_after, kind.declaration_after, everyone.declaration_after
    ) as declaration_after,
    coalesce(
        own.enrollment_after, kind.enrollment_after, everyone.enrollment_after
    ) as enrollment_after
from known
left join named on named.host = known.host
left join placed on placed.host = known.host
join policy as everyone on everyone.scope = 'all'
left join policy as kind on kind.scope = 'platform' and lower(kind.name) = lower(known.platform)
left join policy as own on own.scope = 'host' and lower(own.name) = lower(known.host)
