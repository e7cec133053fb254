-- title: When Fleet last served each host, and when it last failed to
-- once:  yes
--
-- By the proxies, and by Fleet's own log where that tells of requests that went well too, which it
-- does while it debugs. What Fleet refuses (401, a node key that it does not know) is the host's
-- trouble and no failure here.
--
with
    told as (
        select
            coalesce(host, ip) as name,
            time_bucket(interval 5 minutes, ts) as bucket,
            max(ts) filter (where level in ('debug', 'info')) as served_at,
            max(ts) filter (
                where
                    level = 'error'
                    and not regexp_matches(
                        err, '(?i)node key|enroll|not found|forbidden|invalid|license'
                    )
            ) as failed_at
        from fleet_server
        where
            component = 'http'
            and contains(uri, '/osquery/')
            and ts >= getvariable('since')
            and ts < getvariable('until')
        group by all
    ),
    seen as (
        select
            host,
            max(until) filter (where requests > refused + failed) as served_at,
            max(until) filter (where failed > 0) as failed_at
        from osquery_requests
        where "table" <> 'fleet_server'
        group by host
        union all
        select coalesce(a.host, t.name) as host, max(t.served_at), max(t.failed_at)
        from told as t
        left join
            alias_spans as a
            on a.alias = lower(t.name)
            and t.bucket >= a.since
            and t.bucket < a.until
        where t.name is not null
        group by coalesce(a.host, t.name)
    )
select host, max(served_at) as served_at, max(failed_at) as failed_at
from seen
group by host
