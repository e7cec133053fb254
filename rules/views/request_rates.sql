-- title: How many requests each minute brought, and how they fared
-- once:  yes
--
-- A row per minute and endpoint, over the window. `hosts` is how many they came from or, where
-- the path names a host (a refetch), how many they were about. `refused` are 429 and 503 (too
-- many), `unreached` 502 and 504 (Fleet gave the proxy no answer), `failed` all other 5xx,
-- `errors` 5xx of any kind; `slow` took longer than the policy's `slow_after`. `proxied` is
-- that a proxy tells: Fleet's own log leaves out most requests, and says no status, so shares
-- mean nothing.
--
select
    time_bucket(interval 1 minute, r.ts) as minute,
    r.endpoint,
    any_value(r.channel) as channel,
    count(*) as requests,
    count(distinct if(contains(r.endpoint, '/hosts/:id/'), r.path, r.host)) as hosts,
    count(*) filter (where r.status in (429, 503)) as refused,
    count(*) filter (where r.status in (502, 504)) as unreached,
    count(*) filter (where r.status >= 500 and r.status not in (502, 503, 504)) as failed,
    count(*) filter (where r.status >= 500) as errors,
    count(*) filter (where r.took_s > epoch(p.slow_after)) as slow,
    max(r.took_s) as longest_s,
    bool_and(r."table" <> 'fleet_server') as proxied,
    min(r.ts) as first_ts,
    max(r.ts) as last_ts
from requests as r
join policy as p on p.scope = 'all'
where
    r.ts >= getvariable('since')
    and r.ts < getvariable('until')
    and r.channel is not null
    and r.endpoint is not null
group by minute, r.endpoint
