-- title: Whose own log was never collected, though most hosts like it have theirs
-- once:  yes
--
-- Only where more than two hosts and more than half of a platform's have it, and it tells
-- something most hours: a log that one admin fetched by hand from one Mac is missing nowhere
-- else, and one that only holds warnings is empty where there are none. A host that never checked
-- in is not asked, nor one that did so only just now.
--
with
    own as (
        select format, emitter as host, steady
        from logs
        where covers = 'host' and emitter is not null
    ),
    shares as (
        select h.platform, o.format, count(*) as having_it
        from own as o
        join hosts as h on h.host = o.host
        where o.steady
        group by all
    ),
    sizes as (select platform, count(*) as hosts from hosts where platform is not null group by all)
select h.host, s.format, s.having_it, z.hosts as like_it
from shares as s
join sizes as z on z.platform = s.platform
join hosts as h on h.platform = s.platform
where
    s.having_it * 2 > z.hosts
    and s.having_it > 2
    and (s.format, h.host) not in (from own select (format, host))
    and h.host in (
        select c.host
        from contacts as c
        join policy as p on p.scope = 'all'
        where c.first_ts < getvariable('until') - p.collection_after
    )
