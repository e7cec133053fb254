-- title:    Request storm
-- severity: medium
-- explains: request-storm
-- needs:    nginx_access | alb_access
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     request_rates (endpoint)
--
-- Many requests of one kind came within a minute, many times what is usual (the median of all
-- minutes), and trouble followed within the policy's `storm_within`: waits for locks, requests
-- refused (429, 503), errors or slow answers. Somebody refetched, moved or changed many hosts
-- at once, or all agents came back together. Harmless is any number of requests that is
-- followed by nothing, as many as went well at another time, and trouble that was there before
-- them. Do it in batches: `batch` is how many of them, a minute apart, would have kept the
-- server within the busiest minute that went without trouble (`safe_a_minute` of this kind,
-- `safe_total` of all); what is above the usual load is shared out in proportion. It is empty
-- where no minute of the data says so.
--
with
    rates as (
        -- Fleet's own log tells of a host's request only if it debugs, or if the request failed:
        -- then what looks like many requests is the trouble itself
        select minute, endpoint, requests - unreached as requests, hosts, first_ts, last_ts
        from request_rates
        where
            requests > unreached
            and (
                proxied
                or channel = 'api'
                or exists (
                    from fleet_server
                    where
                        level = 'debug'
                        and component = 'http'
                        and ts >= getvariable('since')
                        and ts < getvariable('until')
                )
            )
        union all
        select
            time_bucket(interval 1 minute, ts),
            'hosts moved to another team at once',
            max(json_array_length(details, '$.host_ids')) as moved,
            moved,
            min(ts),
            max(ts)
        from fleet_activities
        where
            type = 'transferred_hosts'
            and ts >= getvariable('since')
            and ts < getvariable('until')
            and json_array_length(details, '$.host_ids') > 0
        group by 1
    ),
    troubles as (
        select
            minute,
            0 as waited,
            refused as turned_away,
            failed + unreached as broken,
            slow as late,
            last_ts
        from request_rates
        where refused + failed + unreached + slow > 0
        union all
        select time_bucket(interval 1 minute, ts), 1, 0, 0, 0, ts
        from lock_waits
        where scope = 'server'
    ),
    span as (
        select date_diff('minute', min(minute), max(minute)) + 1 as minutes from request_rates
    ),
    usual as (
        -- a minute without any counts as none
        select
            r.endpoint,
            coalesce(list_sort(list(r.requests), 'desc')[divide(s.minutes, 2) + 1], 0) as usual
        from rates as r
        cross join span as s
        group by r.endpoint, s.minutes
    ),
    policies as (from policy where scope = 'all'),
    troubled as (
        select distinct t.minute - interval 1 minute * n as minute
        from (select distinct minute from troubles) as t
        cross join policies as p
        cross join range(0, cast(ceil(epoch(p.storm_within) / 60) as bigint) + 1) as before(n)
    ),
    totals as (select minute, sum(requests) as total from request_rates group by minute),
    safe as (
        select endpoint, max(requests) as safe_a_minute
        from rates
        where minute not in (from troubled)
        group by endpoint
    ),
    safe_totals as (
        select
            max(t.total) filter (where t.minute not in (from troubled)) as safe_total,
            list_sort(list(t.total), 'desc')[divide(any_value(s.minutes), 2) + 1] as usual_total
        from totals as t
        cross join span as s
    ),
    hot as (
        select
            r.*,
            u.usual,
            coalesce(s.safe_a_minute, 0) as safe_a_minute,
            p.storm_within,
            p.error_percent,
            r.minute - lag(r.minute) over (order by r.minute) > p.storm_within as fresh
        from rates as r
        join usual as u on u.endpoint = r.endpoint
        left join safe as s on s.endpoint = r.endpoint
        join
            policies as p
            on r.requests >= p.storm_requests
            and r.requests >= p.storm_times * u.usual
            and r.requests > coalesce(s.safe_a_minute, 0)
    ),
    numbered as (select *, count(*) filter (where fresh) over (order by minute) as storm from hot),
    storms as (
        select
            min(first_ts) as since,
            max(last_ts) as last_request,
            min(minute) as first_minute,
            max(minute) as last_minute,
            arg_max(n, n.requests / greatest(n.usual, 1) - epoch(n.minute) * 1e6) as peak,
            any_value(storm_within) as storm_within,
            any_value(error_percent) as error_percent
        from numbered as n
        group by storm
    ),
    followed as (
        select
            s.*,
            coalesce(sum(waited) filter (where t.minute >= first_minute), 0) as waits,
            coalesce(sum(turned_away) filter (where t.minute >= first_minute), 0) as refused,
            coalesce(sum(broken) filter (where t.minute >= first_minute), 0) as failed,
            coalesce(sum(late) filter (where t.minute >= first_minute), 0) as slow,
            sum(waited + turned_away + broken + late) as trouble,
            coalesce(
                sum(waited + turned_away + broken + late) filter (where t.minute < first_minute), 0
            ) as before,
            max(t.last_ts) filter (where t.minute >= s.first_minute) as last_trouble
        from storms as s
        join
            troubles as t
            on t.minute between s.first_minute - s.storm_within and s.last_minute + s.storm_within
        group by all
    ),
    judged as (
        select
            f.*,
            m.total,
            b.safe_total,
            b.usual_total,
            greatest(
                f.peak.safe_a_minute,
                if(
                    m.total > b.safe_total and m.total > b.usual_total,
                    floor(
                        f.peak.requests * (b.safe_total - b.usual_total) / (m.total - b.usual_total)
                    ),
                    0
                )
            ) as batch
        from followed as f
        join totals as m on m.minute = f.peak.minute
        cross join safe_totals as b
    )
select
    cast(null as varchar) as host,
    since,
    greatest(last_request, last_trouble) as until,
    peak.endpoint as endpoint,
    peak.minute as minute,
    peak.requests as requests,
    peak.hosts as hosts,
    peak.usual as usual_a_minute,
    waits,
    refused,
    failed,
    slow,
    peak.safe_a_minute as safe_a_minute,
    total,
    usual_total,
    safe_total,
    cast(nullif(least(batch, peak.requests - 1), 0) as bigint) as batch,
    cast(ceil(peak.requests / nullif(least(batch, peak.requests - 1), 0)) as bigint) as batches,
    peak.requests
    || ' × '
    || peak.endpoint
    || ' at '
    || strftime(peak.minute, '%H:%M UTC')
    || ' (usual: '
    || peak.usual
    || ' a minute), then '
    || array_to_string(
        list_filter(
            [
                if(waits > 0, waits || ' lock waits', null),
                if(refused > 0, refused || ' requests refused', null),
                if(failed > 0, failed || ' failed', null),
                if(slow > 0, slow || ' slow', null)
            ],
            lambda one:one is not null
        ),
        ', '
    )
    || coalesce(
        '; at most '
        || cast(nullif(least(batch, peak.requests - 1), 0) as bigint)
        || ' a minute fit what went well',
        ''
    ) as what
from judged
where
    (waits > 1 or refused + failed + slow >= greatest(2, peak.requests * error_percent / 100))
    and trouble - before > 2 * before
order by since
