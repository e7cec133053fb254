-- title: Which host each row of Fleet's is, by the name that it had
-- once:  yes
--
-- A row of Fleet's (`key`, see `host_hours`) is one host, called by its newest name, whatever it
-- was called before: `host` is that name for each `name` it had. Two machines are never one host:
-- those with the same name at the same time have their serial (else their UUID) behind it. A row
-- that is enrolled anew under one name and another by turns is several machines with one
-- identity, each a host of its own; one whose name comes back without that is a laptop that each
-- network calls differently. Rows with the same name and the same serial are one host, and so is
-- a machine that took over the name of one that is gone. `duplicates` tells of all of them.
--
with
    hours as materialized(from host_hours),
    named as materialized(
        select
            key,
            name,
            min(first_ts) as since,
            max(last_ts) as until,
            arg_max(coalesce(hardware_serial, uuid), last_ts) as machine
        from hours
        group by key, name
    ),
    turns as (
        select
            key,
            name,
            lag(lower(name)) over one as before,
            last_enrolled_at is distinct from lag(last_enrolled_at) over one as anew
        from hours
        where key in (from named select key group by key having count(distinct lower(name)) > 1)
        window one as (partition by key order by step)
    ),
    flipping as (
        select key
        from turns
        group by key
        having count(*) filter (where anew and lower(name) <> before) >= count(distinct lower(name))
    ),
    latest as materialized(
        select
            key,
            arg_max(name, until) as host,
            arg_max(machine, until) as machine,
            min(since) as since,
            max(until) as until
        from named
        where key not in (from flipping)
        group by key
        union all
        select key, name, machine, since, until
        from named
        where key in (from flipping)
    ),
    ambiguous as (
        select distinct one.key, one.host
        from latest as one
        join
            latest as other
            on lower(other.host) = lower(one.host)
            and other.key <> one.key
            and lower(other.machine) <> lower(one.machine)
            and other.since <= one.until
            and one.since <= other.until
    ),
    spelled as (
        -- one spelling for one name
        select lower(host) as folded, arg_max(host, until) as host from latest group by all
    )
select
    n.key,
    n.name,
    s.host || if(a.key is null, '', ' (' || l.machine || ')') as host,
    l.machine,
    f.key is not null as flips,
    n.since,
    n.until
from named as n
left join flipping as f on f.key = n.key
join latest as l on l.key = n.key and (f.key is null or l.host = n.name)
join spelled as s on s.folded = lower(l.host)
left join ambiguous as a on a.key = l.key and a.host = l.host
