-- title: Stretches in which many requests of hosts failed at one endpoint
-- once:  yes
--
-- Of what proxies saw: more than the policy's `error_percent` of the requests got a 5xx, for
-- longer than `outage_after`; half a minute of 502 while Fleet is restarted is none. `few` is
-- that it was the trouble of some hosts, not the server's: of those that asked by MDM then, more
-- got through each time than failed. Macs whose answers Fleet cannot take ask again and again,
-- and so make most of the requests.
--
with
    policies as (select * from policy where scope = 'all'),
    bad as (
        select r.*, p.burst_gap, p.outage_after, p.error_percent, p.error_count
        from request_rates as r
        cross join policies as p
        where
            r.errors > 0
            and r.proxied
            and r.errors * 100 >= r.requests * p.error_percent
            and r.channel in ('osquery', 'orbit', 'desktop', 'mdm')
            and r.endpoint not like '%/osquery/log'
    ),
    fresh as (
        select
            *,
            minute - lag(minute) over (partition by endpoint order by minute) > burst_gap as fresh
        from bad
    ),
    numbered as (
        select
            *, count(*) filter (where fresh) over (partition by endpoint order by minute) as burst
        from fresh
    ),
    by_endpoint as (
        select
            endpoint,
            min(first_ts) as since,
            max(last_ts) as until,
            min(minute) as first_minute,
            max(minute) as last_minute,
            sum(errors) as errors,
            sum(unreached) as unreached,
            any_value(burst_gap) as burst_gap,
            any_value(error_percent) as error_percent
        from numbered
        group by endpoint, burst
        having
            sum(errors) >= any_value(error_count)
            and max(last_ts) - min(first_ts) > any_value(outage_after)
    ),
    judged as (
        -- the base is all of that time, the minutes between that went well too
        select b.*, sum(r.requests) as requests
        from by_endpoint as b
        join
            request_rates as r
            on r.endpoint = b.endpoint
            and r.minute between b.first_minute and b.last_minute
        group by all
        having b.errors * 100 >= sum(r.requests) * b.error_percent
    ),
    struck as (
        select distinct j.endpoint, j.since, e.host
        from judged as j
        join
            server_errors as e
            on e.kind = 'status'
            and e.endpoint = j.endpoint
            and e.ts between j.since and j.until
            and j.endpoint = '/mdm/apple/mdm'
        where e.host is not null
    )
select
    j.*,
    (
        select count(*) from struck as s where s.endpoint = j.endpoint and s.since = j.since
    ) as struck,
    j.endpoint = '/mdm/apple/mdm'
    and (
        select count(*)
        from mdm_contacts as c
        where
            c.last_ts > j.since
            and c.last_ts <= j.until
            and c.host not in (select s.host from struck as s where s.since = j.since)
    )
    > (select count(*) from struck as s where s.endpoint = j.endpoint and s.since = j.since) as few
from judged as j
