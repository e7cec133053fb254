-- title:    Cron failing
-- severity: medium
-- needs:    fleet_server
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     cron_runs (cron)
--
-- A cron of Fleet that cleans up, aggregates or looks for vulnerabilities fails, takes longer
-- than the time to its next run, or no longer runs: what Fleet shows grows old, and
-- "completed" in its log says nothing of that. It delays no profile, so it explains no pending
-- host. One failure is harmless where the next run went well; a failure that a lock or a
-- certificate explains is told of there. Look first at the reason.
--
select
    host,
    since,
    until,
    cron,
    trouble,
    runs,
    round(rhythm_s) as rhythm_s,
    longest_s,
    reason,
    'cron '
    || cron
    || ' '
    || trouble
    || case
        trouble
        when 'failed'
        then if(runs > 1, ' ' || runs || ' times', '') || ': ' || left(reason, 200)
        when 'took too long'
        then
            ', '
            || runs
            || ' times, '
            || coalesce('up to ' || cast(longest_s as bigint) || ' s, ', '')
            || 'where the next is due after '
            || coalesce(cast(rhythm_s as bigint) || ' s', 'its interval')
        else ': ' || reason || ', and it had run every ' || cast(rhythm_s as bigint) || ' s'
    end as what
from cron_troubles
where duty = 'other'
order by since, cron, trouble
