-- title: How far each MDM command has come, and what stands in front of it
-- once:  yes
--
-- One row a host and command. `status` is pending (no answer yet), not now, acknowledged,
-- error or format error; `since` is when it came to be so. Fleet's list of commands, its log
-- and the Mac's own log tell of answers, and an answer is never taken back. `queued_at` is
-- when Fleet made the command, where a list showed it before it was answered. Of one without
-- an answer, `until` is the last moment at which that was known: Fleet's list begins with what
-- changed last, so a command that a list does not show is as it was. `older` counts the
-- commands of the host that wait for longer, and `oldest` is the one that stands in front of
-- all; both are NULL for answered ones.
--
with
    observed as (
        select
            coalesce(u.host, n.host, c.host) as host,
            lower(c.command_uuid) as command_uuid,
            c.request_type,
            c.name,
            case
                lower(coalesce(c.status, 'pending'))
                when 'pending'
                then 'pending'
                when 'notnow'
                then 'not now'
                when 'commandformaterror'
                then 'format error'
                else lower(c.status)
            end as status,
            coalesce(c.updated_at, c.ts) as moment,
            c.ts as seen,
            contains(coalesce(c.request, ''), 'host_identifier=') as alone,
            'fleet_commands' as "table",
            c.message,
            c.file,
            c.line
        from fleet_commands as c
        left join aliases as u on u.alias = lower(c.host_uuid)
        left join aliases as n on n.alias = lower(c.host)
        where c.ts < getvariable('until')
        union all
        select
            host,
            command_uuid,
            request_type,
            null,
            if(kind = 'received', 'pending', kind),
            ts,
            ts,
            null,
            "table",
            message,
            file,
            line
        from mdm_events
        where
            command_uuid is not null
            and host is not null
            and kind in ('received', 'acknowledged', 'not now', 'error', 'format error')
    ),
    ranked as (
        select *, case status when 'pending' then 0 when 'not now' then 1 else 2 end as finality
        from observed
    ),
    merged as (
        select
            host,
            command_uuid,
            any_value(request_type) as request_type,
            any_value(name) as name,
            arg_max(status, (finality, - epoch_us(moment))) as status,
            min(moment) as queued_at,
            min(seen) as first_seen,
            max(seen) as last_seen,
            min(moment) filter (where status = 'not now') as not_now_at,
            min(moment) filter (where status = 'acknowledged') as acknowledged_at,
            min(moment) filter (where status in ('error', 'format error')) as failed_at,
            arg_max(
                {'moment':moment, 'log':"table", 'message':message, 'file':file, 'line':line},
                (finality, - epoch_us(moment), - epoch_us(seen))
            ) as shown
        from ranked
        group by host, command_uuid
    ),
    lists as (
        select max(seen) as until
        from observed
        where not alone
        union all
        select max(last_good)
        from source_states
        where kind = 'fleet'
    ),
    own_lists as (select host, max(seen) as until from observed where alone group by host),
    dated as (
        select
            m.*,
            m.shown.moment as since,
            m.status in ('pending', 'not now') as waits,
            greatest(
                m.last_seen, least((select max(until) from lists), getvariable('until')), o.until
            ) as until
        from merged as m
        left join own_lists as o on o.host = m.host
    )
select
    host,
    command_uuid,
    request_type,
    name,
    status,
    since,
    if(waits, until, last_seen) as until,
    queued_at,
    first_seen,
    last_seen,
    not_now_at,
    acknowledged_at,
    failed_at,
    if(
        waits,
        count(*) filter (where waits) over (
            partition by host order by queued_at rows between unbounded preceding and 1 preceding
        ),
        null
    ) as older,
    if(
        waits,
        first_value(if(waits, command_uuid, null) ignore nulls) over (
            partition by host order by queued_at, command_uuid
        ),
        null
    ) as oldest,
    since as ts,
    shown.log as "table",
    shown.message as message,
    shown.file as file,
    shown.line as line
from dated
