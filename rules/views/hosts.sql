-- title: One row a host, as it was last known, with the policy that holds for it
-- once:  yes
--
-- From Fleet's newest snapshot before the window's end. A host that was on the list of hosts and
-- of which nothing came since that list was pulled again has been deleted, and is not here: a
-- list begins with its first page, whichever page the host was on, for a host that is deleted
-- moves all others nearer to the front. A first page whose request ends in `#incomplete` begins
-- no list. A host that only its own log tells of has no more than its name. Where there is no
-- inventory at all, whoever checked in is a host. The policy columns are the nearest that
-- lastseen.toml says: the host's, else its platform's, else everyone's. Phones and tablets have
-- no osquery, so no heartbeat unless lastseen.toml says so.
--
with
    named as (
        select
            *,
            if(
                regexp_matches(request, '/hosts([?#]|$)'),
                regexp_replace(
                    request, '[?&](page|per_page|order_key|order_direction)=[^&#]*|#.*', '', 'g'
                ),
                null
            ) as list,
            not regexp_matches(request, '[?&]page=0*[1-9]|#') as begins
        from fleet_hosts
        where ts <= getvariable('until')
    ),
    snapshots as (
        select
            *,
            if(
                list is null, null, max(ts) filter (where begins) over (partition by list)
            ) as list_ts
        from named
    ),
    latest as (
        select *, arg_max(list_ts, ts) over (partition by host) as its_list_ts
        from snapshots
        qualify row_number() over (partition by host order by ts desc) = 1
    ),
    inventory as (select * from latest where its_list_ts is null or its_list_ts <= ts),
    others as (
        select distinct host
        from contacts
        where
            host is not null
            and host not in (from latest select host)
            and (channel = 'own log' or not exists (from latest))
    ),
    known as (
        select
            host,
            uuid,
            hardware_serial,
            platform,
            os_version,
            team,
            primary_ip,
            seen_time,
            detail_updated_at,
            last_enrolled_at,
            last_mdm_checked_in_at,
            mdm_enrollment_status,
            mdm_connected,
            orbit_version,
            hardware_model,
            ts as snapshot_at
        from inventory
        union all by name
        select host
        from others
    )
select
    known.*,
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
    ) as heartbeat_paused_until
from known
join policy as everyone on everyone.scope = 'all'
left join policy as kind on kind.scope = 'platform' and lower(kind.name) = lower(known.platform)
left join policy as own on own.scope = 'host' and lower(own.name) = lower(known.host)
