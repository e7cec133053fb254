-- title: Whose own log was never collected, though most hosts like it have theirs
-- once:  yes
--
-- Only where more than two hosts and more than half of a platform's have it: a log that one admin
-- fetched by hand from one Mac is missing nowhere else. A host that never checked in is not
-- asked.
--
with
    own as (
        select distinct format, emitter as host
        from covered
        where covers = 'host' and emitter is not null
    ),
    shares as (
        select h.platform, o.format, count(*) as having_it
        from own as o
        join hosts as h on h.host = o.host
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
    and h.host in (from contacts select host)
