-- title: Every name that any host goes by, and from when to when it is known to have been its own
-- once:  yes
--
-- `alias` (lower case) is any name that a log may call a host by; `kind` says which (id, uuid,
-- serial, hostname, computer name, display name, address, own log) and `table` who told of it. It
-- was the host's from `since` to `until`, and may have been from `not_before` to `not_after`: a
-- name for ever, an address only until the host is known to be at another one. An address is
-- `primary_ip` or `public_ip` of a snapshot, or what Fleet's log says a host came from. Two hosts
-- may claim the same: `alias_spans` decides.
--
with
    hours as materialized(
        select h.*, n.host
        from host_hours as h
        join host_names as n on n.key = h.key and n.name = h.name
    ),
    places as (
        select
            h.key,
            h.host,
            h.step,
            h.silent,
            h.told_at,
            h.held_until,
            list_distinct(list_filter([h.primary_ip, h.public_ip], lambda ip:ip <> '')) as ips,
            lag(ips) over one as ips_before,
            lag(h.held_until) over one as left_before,
            lead(h.told_at) over one as told_next
        from hours as h
        window one as (partition by h.key, h.host order by h.step)
    ),
    stays as (select * exclude (ips), unnest(ips) as alias from places),
    numbered as (
        select
            *,
            count(*) filter (where begins) over (
                partition by key, host, alias order by step
            ) as stay
        from
            (
                select
                    *,
                    coalesce(
                        lag(silent) over one or not list_contains(ips_before, alias), true
                    ) as begins
                from stays
                window one as (partition by key, host, alias order by step)
            )
    ),
    visits as materialized(
        select
            host,
            alias,
            min(told_at) as since,
            max(held_until) as until,
            if(
                arg_min_null(list_contains(ips_before, alias), step),
                min(told_at),
                arg_min_null(left_before, step)
            ) as not_before,
            arg_max_null(told_next, step) as not_after
        from numbered
        group by key, host, alias, stay
    ),
    listed as (
        select
            h.host,
            h.id,
            h.uuid,
            h.hardware_serial,
            h.name,
            h.hostname,
            h.computer_name,
            h.display_name,
            min(h.first_ts) as since,
            max(h.last_ts) as until
        from hours as h
        group by all
    ),
    called as (
        select
            host,
            since,
            until,
            unnest(
                [
                    cast(id as varchar),
                    uuid,
                    hardware_serial,
                    name,
                    host,
                    hostname,
                    computer_name,
                    display_name
                ]
            ) as alias,
            unnest(
                [
                    'id',
                    'uuid',
                    'serial',
                    'hostname',
                    'hostname',
                    'hostname',
                    'computer name',
                    'display name'
                ]
            ) as kind
        from listed
    ),
    names as materialized(
        select
            host,
            lower(alias) as alias,
            min_by(kind, if(kind = 'hostname', 0, 1)) as kind,
            min(since) as since,
            max(until) as until
        from called
        where alias <> ''
        group by host, lower(alias)
    ),
    identities as (
        select alias, any_value(host) as host
        from names
        group by alias
        having count(distinct host) = 1
    ),
    lines as (
        select lower(host) as name, lower(ip) as alias, min(ts) as since, max(ts) as until
        from fleet_server
        where host is not null and ip is not null and ts <= getvariable('until')
        group by lower(host), lower(ip), time_bucket(interval 1 hour, ts)
    ),
    owners as (
        select distinct emitter as host, lower(emitter) as alias
        from coverage
        where covers = 'host' and emitter is not null
    )
select
    host,
    alias,
    kind,
    'fleet_hosts' as "table",
    since,
    until,
    timestamptz '0001-01-01 00:00:00+00' as not_before,
    timestamptz '9999-12-31 00:00:00+00' as not_after
from names
union all
select
    host,
    alias,
    'address',
    'fleet_hosts',
    since,
    greatest(since, until),
    coalesce(not_before, timestamptz '0001-01-01 00:00:00+00'),
    coalesce(not_after, timestamptz '9999-12-31 00:00:00+00')
from visits
union all
select i.host, l.alias, 'address', 'fleet_server', l.since, l.until, l.since, l.until
from lines as l
join identities as i on i.alias = l.name
union all
select
    host,
    alias,
    'own log',
    'coverage',
    timestamptz '0001-01-01 00:00:00+00',
    timestamptz '9999-12-31 00:00:00+00',
    timestamptz '0001-01-01 00:00:00+00',
    timestamptz '9999-12-31 00:00:00+00'
from owners
where alias not in (from names select alias) and alias not in (from visits select alias)
