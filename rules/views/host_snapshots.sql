-- title: Fleet's snapshots of hosts, each under the name of its host
--
-- `fleet_hosts` up to the window's end, with `host` as `host_names` resolves it, and `key`.
--
select f.* replace (coalesce(n.host, f.host) as host), n.key
from fleet_hosts as f
left join
    host_names as n
    on n.key = coalesce(cast(f.id as varchar), lower(f.uuid), lower(f.host))
    and n.name = f.host
where f.ts <= getvariable('until')
