-- title:    Delivery cron failing
-- severity: high
-- explains: server-error
-- needs:    fleet_server
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     cron_runs (cron)
--
-- Fleet queues profiles, pushes Macs and assigns enrollment by crons that run each minute or
-- more often. Where one of them fails, takes too long or no longer runs, profiles stay Pending
-- on all hosts, and Fleet writes "completed" all the same. One failure is harmless, for the
-- next run follows at once; a failure that a lock or a certificate explains is told of there;
-- and where the lines of all crons end together, Fleet may only have been told to log less.
-- Look first at the reason, then restart one instance of Fleet and see whether the next run
-- goes well.
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
where duty = 'delivery'
order by since, cron, trouble
