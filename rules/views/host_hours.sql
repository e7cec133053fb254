-- title: What Fleet called each host, and where it was, an hour at a time
-- once:  yes
--
-- From the snapshots: a row for each set of names and addresses that a row of Fleet's had, per
-- refetch of its details, else per hour. `key` is that row's id; where the API told of none, its
-- UUID, else its name. `told_at` is when the host itself told of them (its details were
-- refetched), `held_until` how long it is known to have kept them: a host that Fleet has not
-- heard of for longer than a heartbeat may pause is known to be nowhere.
--
with
    rows as (
        select
            coalesce(cast(f.id as varchar), lower(f.uuid), lower(f.host)) as key,
            f.*,
            greatest(f.seen_time, f.last_mdm_checked_in_at) as heard,
            coalesce(f.detail_updated_at, time_bucket(interval 1 hour, f.ts)) as refetch
        from fleet_hosts as f
        where f.ts <= getvariable('until')
    ),
    hours as (
        select
            key,
            host as name,
            id,
            uuid,
            hardware_serial,
            hostname,
            computer_name,
            display_name,
            last_enrolled_at,
            lower(primary_ip) as primary_ip,
            lower(public_ip) as public_ip,
            refetch,
            min(ts) as first_ts,
            max(ts) as last_ts,
            min(least(detail_updated_at, ts)) as details_at,
            min(least(heard, ts)) as first_heard,
            max(least(heard, ts)) as last_heard
        from rows
        group by all
    ),
    steps as (
        select
            h.* exclude (refetch, details_at, first_heard, last_heard),
            row_number() over one as step,
            last_ts - last_heard > p.heartbeat_period + p.heartbeat_grace as silent,
            if(
                details_at > coalesce(lag(last_ts) over one, timestamptz '0001-01-01 00:00:00+00'),
                details_at,
                coalesce(first_heard, first_ts)
            ) as told_at,
            greatest(if(silent, last_heard, last_ts), told_at) as held_until
        from hours as h
        join policy as p on p.scope = 'all'
        window one as (partition by key order by first_ts, last_ts)
    )
from steps
