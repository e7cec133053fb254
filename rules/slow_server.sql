-- title:    Slow answers of Fleet
-- severity: medium
-- explains: server-error
-- needs:    nginx_access | alb_access
-- strength: fair
-- every:    15 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     server_errors (endpoint)
--
-- Changes of profiles or teams took longer than the policy's `slow_after` or were given up,
-- more than once within `burst_gap`; or so did more than `error_percent` of the requests that
-- hosts made of one kind. Profiles wait for such a change on every host. Tables of MDM
-- commands that are never cleaned, and profiles with many pending hosts that are offline, are
-- known reasons. Slow by nature and harmless are reports and exports, live queries, and what
-- is downloaded; so is one slow change, a large one, and a client that hung up ("context
-- canceled") now and then. Look first at `lock_contention` of the same time, then at MySQL's
-- slow query log.
--
with
    policies as (select * from policy where scope = 'all'),
    slow as (
        select
            e.ts as first_ts,
            e.ts as last_ts,
            true as change,
            'a change' as whom,
            e.endpoint,
            e.took_s as longest_s,
            e.times
        from server_errors as e
        where e.kind in ('slow', 'timeout') and e.change
        qualify
            -- the proxy and Fleet each tell of the same request
            row_number() over (
                partition by
                    e.endpoint, e.method, round(e.took_s), time_bucket(interval 1 minute, e.ts)
                order by e.ts
            )
            = 1
        union all
        select first_ts, last_ts, false, endpoint, endpoint, longest_s, slow
        from request_rates
        where
            proxied
            and slow > 0
            and regexp_matches(
                endpoint,
                '/osquery/distributed|/osquery/config|/osquery/enroll|/orbit/config|^/mdm/apple/mdm'
            )
    ),
    fresh as (
        select
            s.*,
            s.first_ts - lag(s.last_ts) over (partition by s.whom order by s.first_ts)
            > p.burst_gap as fresh
        from slow as s
        cross join policies as p
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by whom order by first_ts) as burst
        from fresh
    ),
    bursts as (
        select
            change,
            min(first_ts) as since,
            max(last_ts) as until,
            any_value(endpoint) as endpoint,
            list_sort(list(distinct endpoint)) as endpoints,
            cast(sum(times) as bigint) as times,
            max(longest_s) as longest_s
        from numbered
        group by change, whom, burst
    ),
    based as (
        select b.*, cast(coalesce(sum(r.requests), 0) as bigint) as requests
        from bursts as b
        left join
            request_rates as r
            on not b.change
            and r.endpoint = b.endpoint
            and r.minute between time_bucket(interval 1 minute, b.since) and b.until
        group by all
    )
select
    cast(null as varchar) as host,
    b.since,
    b.until,
    b.endpoint,
    b.endpoints,
    b.times,
    b.longest_s,
    nullif(b.requests, 0) as requests,
    if(
        b.change,
        b.times || ' changes of profiles or teams took ',
        b.times || ' requests ' || b.endpoint || ' took '
    )
    || coalesce('up to ' || cast(b.longest_s as bigint) || ' s', 'too long and were given up')
    || ' from '
    || strftime(b.since, '%H:%M')
    || ' to '
    || strftime(b.until, '%H:%M UTC') as what
from based as b
cross join policies as p
where
    if(
        b.change,
        b.times > 1,
        b.times >= p.error_count and b.times * 100 >= b.requests * p.error_percent
    )
order by b.since
