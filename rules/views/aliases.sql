-- title: Every name of every host
-- once:  yes
--
-- `alias` (lower case) is any name that a log may call a host by: Fleet id, UUID, serial,
-- hostname, computer name, address. A name that two hosts share is left out: better an unresolved
-- name than a wrong one.
--
with
    named as (
        select
            host,
            unnest(
                [
                    host,
                    cast(id as varchar),
                    uuid,
                    hardware_serial,
                    hostname,
                    computer_name,
                    display_name,
                    primary_ip
                ]
            ) as alias
        from fleet_hosts
        where ts <= getvariable('until')
        union all
        select distinct emitter as host, emitter as alias
        from coverage
        where covers = 'host' and emitter is not null
    ),
    known as (
        select distinct host, lower(alias) as alias
        from named
        where alias is not null and alias <> ''
    )
select alias, any_value(host) as host
from known
group by alias
having count(distinct lower(host)) = 1
