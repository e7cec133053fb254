-- title:    Outage of Fleet or its database
-- severity: critical
-- explains: server-error
-- needs:    fleet_server
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {what}
-- rows:     server_errors (kind)
--
-- Fleet could not reach MySQL or Redis (or either had no connection left), answered its health
-- check with an error, panicked or was started again and again, or MySQL crashed, or was shut
-- down and did not come back. All hosts feel it. Harmless are one lost connection, which Fleet
-- opens anew; one request that panicked; a restart or a failover that is over within the
-- policy's `outage_after`; and what MySQL notes when it starts. Look first at the message,
-- then at the memory and the disk of that machine.
--
with
    policies as (select * from policy where scope = 'all'),
    told as (
        select
            e.*,
            p.outage_after,
            p.burst_gap,
            p.error_count,
            if(e.kind = 'start', e.emitter, null) as whom
        from server_errors as e
        cross join policies as p
        where
            e.kind
            in ('database', 'redis', 'health', 'panic', 'start', 'mysql crash', 'mysql shutdown')
    ),
    fresh as (
        select *, ts - lag(ts) over (partition by kind, whom order by ts) > burst_gap as fresh
        from told
    ),
    numbered as (
        select *, count(*) filter (where fresh) over (partition by kind, whom order by ts) as burst
        from fresh
    ),
    bursts as (
        select
            kind,
            whom,
            min(ts) as since,
            max(ts) as until,
            count(*) as times,
            any_value(outage_after) as outage_after,
            any_value(error_count) as error_count,
            arg_max(message, ts) as message
        from numbered
        group by kind, whom, burst
    )
select
    cast(null as varchar) as host,
    since,
    until,
    kind,
    times,
    message,
    case
        kind
        when 'database'
        then 'Fleet and its database had no connection, ' || times || ' times'
        when 'redis'
        then 'Fleet and its Redis had no connection, ' || times || ' times'
        when 'health'
        then 'Fleet called itself unwell ' || times || ' times'
        when 'panic'
        then 'Fleet panicked ' || times || ' times'
        when 'start'
        then 'Fleet was started ' || times || ' times' || coalesce(' on ' || whom, '')
        when 'mysql crash'
        then 'MySQL crashed'
        else 'MySQL was shut down and has not come back'
    end
    || ' from '
    || strftime(since, '%H:%M')
    || ' to '
    || strftime(until, '%H:%M UTC')
    || if(
        kind in ('start', 'mysql shutdown'), '', ': ' || left(split_part(message, chr(10), 1), 160)
    ) as what
from bursts as b
where
    case
        when kind in ('database', 'redis', 'health')
        then times >= error_count or (times > 1 and until - since > outage_after)
        when kind = 'panic'
        then times > 1
        when kind = 'start'
        then times > 2
        when kind = 'mysql crash'
        then true
        else
            getvariable('until') - until > outage_after
            and not exists (
                from server_errors as s where s.kind = 'mysql startup' and s.ts >= b.until
            )
    end
order by since, kind
