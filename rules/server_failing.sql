-- title:    Errors in Fleet's answers
-- severity: high
-- explains: server-error
-- needs:    nginx_access | alb_access
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     server_errors (endpoint)
--
-- Of the requests of hosts, more than the policy's `error_percent` got a 5xx, for longer than
-- `outage_after`: what those hosts asked or reported did not get through. Half a minute of 502
-- while Fleet is restarted for an upgrade is harmless, so are single errors, what an
-- administrator or a script gets (a push that failed is a 502 too), and requests that are
-- refused for good reason (401, 404, 422), and what only some Macs get while the others get
-- through: that is told of by `mdm_answer_failed`, or `queue_blocked`. 502 and 504 mean that
-- Fleet gave the proxy no
-- answer: it is down, or its database is. Where Fleet's own log covers that time and says
-- nothing of it (`told_by_fleet` is 0), only the proxy knows. Look first at `server_down` and
-- `lock_contention` of the same time.
--
with
    judged as (select * from failing_endpoints where not few),
    chained as (
        select
            *,
            since - max(until) over (
                order by since, endpoint rows between unbounded preceding and 1 preceding
            )
            > burst_gap as fresh
        from judged
    ),
    numbered_outages as (
        select *, count(*) filter (where fresh) over (order by since, endpoint) as outage
        from chained
    ),
    outages as (
        select
            min(since) as since,
            max(until) as until,
            arg_max(endpoint, errors) as endpoint,
            list_sort(list(endpoint)) as endpoints,
            cast(sum(errors) as bigint) as errors,
            cast(sum(unreached) as bigint) as unreached,
            cast(sum(requests) as bigint) as requests
        from numbered_outages
        group by outage
    ),
    known as (
        select
            o.*,
            exists (
                from covered as c
                where c.format = 'fleet_server' and c.since <= o.since and c.until >= o.until
            ) as covered
        from outages as o
    ),
    compared as (
        select k.*, count(e.ts) as told
        from known as k
        left join
            server_errors as e
            on e."table" = 'fleet_server'
            and e.kind <> 'start'
            and e.ts between k.since and k.until
        group by all
    )
select
    cast(null as varchar) as host,
    * exclude (covered, told),
    if(covered, told, null) as told_by_fleet,
    'Fleet failed '
    || errors
    || ' of '
    || requests
    || ' requests from '
    || strftime(since, '%H:%M')
    || ' to '
    || strftime(until, '%H:%M UTC')
    || ', most of them '
    || endpoint
    || if(covered and told = 0, '; its own log says nothing of it', '') as what
from compared
order by since
