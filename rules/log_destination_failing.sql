-- title:    Log destination failing
-- severity: medium
-- explains: collection-gap
-- needs:    nginx_access | alb_access | fleet_server
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     server_errors (endpoint)
--
-- Hosts send results and status lines to Fleet, which could not pass them on: it answers with
-- an error, and osquery sends them again, until its buffer is full and it throws the oldest
-- away. Check-ins, profiles and details are not touched, so this is no reason for a host to be
-- pending: it is a gap in what can be known of it. Told of only while the other requests of
-- osquery go well, else it is Fleet that fails (`server_failing`), and for longer than
-- `outage_after`, for a destination that is restarted loses nothing. Look first at the
-- destination (Kinesis, Firehose, Kafka, a full disk) and at Fleet's right to write there.
--
with
    policies as (select * from policy where scope = 'all'),
    bad as (
        select minute, errors, requests, first_ts, last_ts, endpoint
        from request_rates
        where endpoint like '%/osquery/log' and errors > 0
        union all
        select
            time_bucket(interval 1 minute, ts),
            count(*),
            count(*),
            min(ts),
            max(ts),
            any_value(endpoint)
        from server_errors
        where
            kind = 'log destination'
            and not exists (from request_rates where endpoint like '%/osquery/log' and errors > 0)
        group by 1
    ),
    fresh as (
        select b.*, b.minute - lag(b.minute) over (order by b.minute) > p.burst_gap as fresh
        from bad as b
        cross join policies as p
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (order by minute) as burst from fresh
    ),
    bursts as (
        select
            min(first_ts) as since,
            max(last_ts) as until,
            min(minute) as first_minute,
            max(minute) as last_minute,
            any_value(endpoint) as endpoint,
            cast(sum(errors) as bigint) as errors
        from numbered
        group by burst
    ),
    based as (
        select
            b.*,
            cast(
                coalesce(
                    sum(r.requests) filter (where r.endpoint like '%/osquery/log'), 0
                ) as bigint
            ) as requests,
            coalesce(
                sum(r.requests) filter (where r.endpoint not like '%/osquery/log'), 0
            ) as others,
            coalesce(
                sum(r.errors) filter (where r.endpoint not like '%/osquery/log'), 0
            ) as other_errors
        from bursts as b
        left join
            request_rates as r
            on r.channel = 'osquery'
            and r.minute between b.first_minute and b.last_minute
        group by all
    ),
    reasons as (
        select b.since, any_value(e.message) as reason
        from bursts as b
        join server_errors as e on e.kind = 'log destination' and e.ts between b.since and b.until
        group by b.since
    )
select
    cast(null as varchar) as host,
    b.since,
    b.until,
    b.endpoint,
    b.errors,
    nullif(greatest(b.requests, b.errors), 0) as requests,
    r.reason,
    'Fleet could not pass on what osquery logged: '
    || b.errors
    || ' errors from '
    || strftime(b.since, '%H:%M')
    || ' to '
    || strftime(b.until, '%H:%M UTC')
    || coalesce(': ' || left(r.reason, 160), '') as what
from based as b
join policies as p on true
left join reasons as r on r.since = b.since
where
    b.errors >= p.error_count
    and b.errors * 100 >= b.requests * p.error_percent
    and b.until - b.since > p.outage_after
    and b.other_errors * 100 < greatest(b.others, 1) * p.error_percent
order by b.since
