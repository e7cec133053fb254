-- title:    Failed MDM answer
-- severity: low
-- explains: server-error
-- needs:    nginx_access | alb_access
-- strength: fair
-- every:    15 minutes
-- window:   24 hours
-- alert:    {what}
-- together: answers of {hosts} to MDM commands failed {when}
-- rows:     server_errors (host, endpoint)
--
-- A Mac asked for its next MDM command, or reported one, and got a 5xx or waited longer than
-- the policy's `slow_after`: the command stays Pending until the Mac is pushed again. Fleet's
-- own log may say nothing of it. Harmless is a 502 or 503 while Fleet is restarted, and one
-- failure after which the Mac got through within its `pending_after`; a failure of many at
-- once is told of by `server_failing`, and an answer that Fleet says it cannot take, for it is
-- about a command that Fleet does not know, by `queue_blocked`. A Mac whose address nobody knows,
-- as behind a shared
-- one, is not judged. Look first at the database at that moment; a push (any command, or a
-- refetch) makes the Mac ask again.
--
with
    lost as (
        select f.*
        from mdm_failures as f
        join hosts as h on h.host = f.host
        join policy as p on p.scope = 'all'
        join
            request_rates as r
            on r.endpoint = f.endpoint
            and r.minute = time_bucket(interval 1 minute, f.ts)
        left join
            failing_endpoints as o on o.endpoint = f.endpoint and f.ts between o.since and o.until
        where
            coalesce(f.next_good, getvariable('until')) - f.ts > h.pending_after
            and coalesce(o.few, r.errors < p.error_count)
            and not exists (
                from mdm_events as e
                where
                    e.kind = 'report refused'
                    and e.host = f.host
                    and e.ts between f.ts - interval 1 minute and f.ts + interval 1 minute
            )
    )
select
    host,
    min(ts) as since,
    max(ts) as until,
    any_value(endpoint) as endpoint,
    count(*) as times,
    max(status) filter (where status >= 500) as status,
    max(took_s) as took_s,
    max(next_good) as next_good,
    host
    || ': its MDM request failed'
    || if(count(*) > 1, ' ' || count(*) || ' times', '')
    || coalesce(' with ' || max(status) filter (where status >= 500), '')
    || coalesce(' after ' || cast(max(took_s) as bigint) || ' s', '')
    || ' at '
    || strftime(max(ts), '%H:%M UTC')
    || coalesce(
        ', and the next got through at ' || strftime(max(next_good), '%H:%M UTC'),
        ', and none got through since'
    ) as what
from lost
group by host
order by since, host
