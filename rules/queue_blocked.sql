-- title:    Blocked command queue
-- severity: medium
-- explains: queue-blocked
-- needs:    fleet_commands, fleet_server
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host}: {what}
-- together: {hosts} {have} had the command queue blocked {when}
-- rows:     commands (host)
--
-- A Mac gets its MDM commands one at a time, the oldest first. One that it is given at every
-- check-in and never answers keeps all behind it waiting; so does an answer that Fleet cannot
-- take, as after a move from another server. A queue that is worked off, however long, is not
-- here: nothing younger than the one in front may have been answered, and the Mac must have
-- checked in by MDM well after it was queued, else it is not the queue that is stuck. Look
-- first at the command in front; `fleetctl` cannot take it back, but restarting the Mac often
-- makes it answer.
--
with
    answered as (
        select host, max(queued_at) as newest, max(since) as last_answer
        from commands
        where status in ('acknowledged', 'error', 'format error')
        group by host
    ),
    queues as (
        select
            host,
            min(queued_at) as since,
            max(until) as until,
            arg_min(
                coalesce(request_type || coalesce(' ' || name, ''), command_uuid), queued_at
            ) as front,
            arg_min(command_uuid, queued_at) as command_uuid,
            count(*) as waiting
        from commands
        where status = 'pending'
        group by host
    ),
    blocked as (
        select
            q.host,
            q.since,
            q.until,
            q.front
            || ' is unanswered since '
            || strftime(q.since, '%Y-%m-%d %H:%M UTC')
            || ' though it checks in by MDM, and '
            || (q.waiting - 1)
            || if(q.waiting = 2, ' command waits', ' commands wait')
            || ' behind it' as what,
            q.command_uuid,
            q.waiting,
            s.last_ts as last_mdm
        from queues as q
        join hosts as h on h.host = q.host and starts_with(h.mdm_enrollment_status, 'On')
        join online as o on o.host = q.host and o.last_checkin >= q.until - o.allowed_silence
        join mdm_contacts as s on s.host = q.host
        left join answered as a on a.host = q.host
        where
            q.waiting > 1
            and q.until - greatest(q.since, o.since, a.last_answer) > h.queue_after
            and s.last_ts - greatest(q.since, a.last_answer) > h.pending_after
            and coalesce(a.newest < q.since, true)
            and q.until >= getvariable('since')
    ),
    refused as (
        select
            host,
            min(ts) as since,
            max(ts) as until,
            'Fleet cannot take its answer to a command ('
            || count(*)
            || if(count(*) = 1, ' time', ' times')
            || '), so it is asked the same again: '
            || arg_min(message, (ts, line)) as what
        from mdm_events
        where kind = 'report refused' and ts >= getvariable('since')
        group by host
    )
from blocked
union all by name
from refused
order by since, host
