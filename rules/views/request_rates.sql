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
with
    told as not materialized(
        select r.*, time_bucket(interval 1 minute, r.ts) as minute
        from requests as r
        where
            r.ts >= getvariable('since')
            and r.ts < getvariable('until')
            and r.channel is not null
            and r.endpoint is not null
    ),
    -- by itself: beside other sums, distinct ones cost as much again
    crowds as (
        select
            minute,
            endpoint,
            count(distinct if(contains(endpoint, '/hosts/:id/'), path, host)) as hosts
        from told
        group by minute, endpoint
    ),
    sums as (
        select
            t.minute,
            t.endpoint,
            any_value(t.channel) as channel,
            count(*) as requests,
            count(*) filter (where t.status in (429, 503)) as refused,
            count(*) filter (where t.status in (502, 504)) as unreached,
            count(*) filter (where t.status >= 500 and t.status not in (502, 503, 504)) as failed,
            count(*) filter (where t.status >= 500) as errors,
            count(*) filter (where t.took_s > epoch(p.slow_after)) as slow,
            max(t.took_s) as longest_s,
            bool_and(t."table" <> 'fleet_server') as proxied,
            min(t.ts) as first_ts,
            max(t.ts) as last_ts
        from told as t
        join policy as p on p.scope = 'all'
        group by t.minute, t.endpoint
    )
select
    s.minute,
    s.endpoint,
    s.channel,
    s.requests,
    c.hosts,
    s.refused,
    s.unreached,
    s.failed,
    s.errors,
    s.slow,
    s.longest_s,
    s.proxied,
    s.first_ts,
    s.last_ts
from sums as s
join crowds as c on c.minute = s.minute and c.endpoint = s.endpoint
