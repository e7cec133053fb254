-- title: MDM requests of a host that failed or took too long, until one got through
-- once:  yes
--
-- As the proxies saw them; 502 and 503, which a restart of Fleet brings, are none. `next_good`
-- is when the host's next request succeeded in time; NULL is not yet. A host whose address
-- nobody knows is not here: behind a shared one are many.
--
with
    answers as (
        select
            r.ts,
            r.host,
            r.endpoint,
            r.status,
            r.took_s,
            (r.status >= 500 and r.status not in (502, 503))
            or coalesce(r.took_s > epoch(p.slow_after), false) as bad
        from requests as r
        join policy as p on p.scope = 'all'
        where
            r.endpoint = '/mdm/apple/mdm'
            and r.ts >= getvariable('since')
            and r.ts < getvariable('until')
            and r.host in (select host from hosts)
            and r.status is not null
    )
select
    *,
    min(if(bad or status >= 400, null, ts)) over (
        partition by host order by ts rows between 1 following and unbounded following
    ) as next_good
from answers
qualify bad
