-- title:    Fleet is slow
-- severity: medium
-- explains: server-error
-- needs:    fleet_server | nginx_access | alb_access
-- strength: fair
-- every:    15 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     server_errors (endpoint)
--
-- Changes of profiles or teams took longer than the policy's `slow_after` or were given up, more
-- than once within `burst_gap`; or so did more than `error_percent` of the requests that hosts
-- made of one kind. Profiles wait for such a change on every host. Tables of MDM commands that are
-- never cleaned, and profiles with many pending hosts that are offline, are known reasons. Slow by
-- nature and harmless are reports and exports, live queries, and what is downloaded; so is one
-- slow change, a large one, and a client that hung up ("context canceled") now and then. Look
-- first at `lock_contention` of the same time, then at MySQL's slow query log.
--
with
    policies as (select * from policy where scope = 'all'),
    slow as (
        select
            e.ts,
            if(e.change, 'change', 'hosts') as what_kind,
            if(e.change, 'a change', e.endpoint) as whom,
            e.endpoint,
            e.took_s,
            e."table",
            p.burst_gap,
            p.error_count,
            p.error_percent
        from server_errors as e
        cross join policies as p
        where
            e.kind in ('slow', 'timeout')
            and (
                e.change
                or regexp_matches(
                    e.endpoint,
                    '/osquery/distributed|/osquery/config|/osquery/enroll|/orbit/|^/mdm/apple/mdm'
                )
            )
        qualify
            -- the proxy and Fleet each tell of the same request
            row_number() over (
                partition by
                    e.endpoint, e.host, round(e.took_s), time_bucket(interval 5 seconds, e.ts)
                order by e.ts
            )
            = 1
    ),
    fresh as (
        select *, ts - lag(ts) over (partition by whom order by ts) > burst_gap as fresh from slow
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by whom order by ts) as burst
        from fresh
    ),
    bursts as (
        select
            what_kind,
            min(ts) as since,
            max(ts) as until,
            any_value(endpoint) as endpoint,
            list_sort(list(distinct endpoint)) as endpoints,
            count(*) as times,
            bool_or("table" = 'fleet_errors') as many,
            max(took_s) as longest_s,
            any_value(error_count) as error_count,
            any_value(error_percent) as error_percent
        from numbered
        group by what_kind, whom, burst
    ),
    based as (
        select b.*, coalesce(sum(r.requests), 0) as requests
        from bursts as b
        left join
            request_rates as r
            on r.endpoint = b.endpoint
            and r.minute between time_bucket(interval 1 minute, b.since) and time_bucket(
                interval 1 minute, b.until
            )
        group by all
    )
select
    cast(null as varchar) as host,
    since,
    until,
    endpoint,
    endpoints,
    times,
    longest_s,
    nullif(cast(requests as bigint), 0) as requests,
    if(
        what_kind = 'change',
        times || ' changes of profiles or teams took ',
        times || ' requests ' || endpoint || ' took '
    )
    || coalesce('up to ' || round(longest_s) || ' s', 'too long and were given up')
    || ' from '
    || strftime(since, '%H:%M')
    || ' to '
    || strftime(until, '%H:%M UTC') as what
from based
where
    (what_kind = 'change' and (times > 1 or many))
    or (times >= error_count and times * 100 >= requests * error_percent)
order by since
