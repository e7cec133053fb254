-- title:    Identity certificates not renewed
-- severity: high
-- explains: identity-certificate
-- strength: weak
-- every:    1 hour
-- window:   24 hours
-- alert:    Fleet's renewal of identity certificates failed {times}, last at {until}: {reason}
-- together: Fleet's renewal of identity certificates fails {when}
-- rows:     fleet_server
--
-- Once an hour Fleet looks for certificates that end soon and has them renewed, all in one go: one
-- host that it stumbles over, such as one with two certificates, keeps all others from being
-- renewed. Nobody notices until the first ends. A single failure is tried again an hour later.
-- The other jobs of the same cron may fail for their own reasons and are not counted.
--
with
    failures as (
        select ts, message, coalesce(err, message) as said
        from fleet_server
        where
            cron = 'cleanups_then_aggregation'
            and level = 'error'
            and ts >= getvariable('since')
            and ts < getvariable('until')
            and (contains(extra, 'renew_scep') or contains(message, 'renew_scep'))
    )
select
    null as host,
    min(ts) as since,
    max(ts) as until,
    count(*) as events,
    count(*) || ' times' as times,
    regexp_replace(
        arg_max(message, ts), '^(schedule|cron) \w+( raised errors)?: (running job: )?', ''
    ) as reason,
    'cleanups_then_aggregation' as cron
from failures
having count(*) > 1
