-- title: How each host stands with MDM, and since when
-- once:  yes
--
-- From Fleet's snapshots of hosts. `enrollment` is Fleet's word (On (…), Off, Pending),
-- `standing` what it comes to: on, off, pending (assigned to Fleet, never enrolled), elsewhere
-- (it belongs to another server) or NULL (Fleet does not say). It began after `not_before`,
-- the last snapshot that showed another one (NULL: it was so in the first), and at the latest
-- at `since`; `before` is what it was. Ours is the server that most hosts name that Fleet
-- calls connected. The same of disk encryption.
--
with
    shown as (
        select
            host,
            ts,
            mdm_enrollment_status as enrollment,
            mdm_connected as connected,
            lower(regexp_extract(mdm_server_url, '//([^/:]+)', 1)) as server,
            disk_encryption_status as encryption,
            disk_encryption_detail as encryption_detail,
            created_at,
            seen_time,
            message,
            file,
            line
        from fleet_hosts
        where ts < getvariable('until')
    ),
    ours as (select mode(server) as server from shown where connected and server <> ''),
    judged as (
        select
            s.*,
            case
                when lower(s.enrollment) = 'pending'
                then 'pending'
                when
                    starts_with(s.enrollment, 'On')
                    and (
                        s.connected = false
                        or (s.connected is null and s.server <> '' and s.server <> o.server)
                    )
                then 'elsewhere'
                when starts_with(s.enrollment, 'On')
                then 'on'
                when lower(s.enrollment) = 'off'
                then 'off'
            end as standing
        from shown as s
        cross join ours as o
    ),
    changes as (
        select
            *,
            lag(ts) over one as previous_ts,
            lag(standing) over one as previous,
            lag(encryption) over one as previous_encryption,
            row_number() over one = 1 as first
        from judged
        window one as (partition by host order by ts)
    ),
    standings as (
        select
            host,
            ts as since,
            if(first, null, previous) as before,
            if(first, null, previous_ts) as not_before
        from changes
        where first or standing is distinct from previous
        qualify row_number() over (partition by host order by ts desc) = 1
    ),
    encryptions as (
        select
            host, ts as encryption_since, if(first, null, previous_encryption) as encryption_before
        from changes
        where first or encryption is distinct from previous_encryption
        qualify row_number() over (partition by host order by ts desc) = 1
    ),
    latest as (
        select * from changes qualify row_number() over (partition by host order by ts desc) = 1
    )
select
    l.host,
    l.standing,
    l.enrollment,
    l.server,
    s.since,
    s.before,
    s.not_before,
    l.created_at,
    l.seen_time,
    l.encryption,
    l.encryption_detail,
    e.encryption_since,
    e.encryption_before,
    l.ts as until,
    l.ts,
    'fleet_hosts' as "table",
    l.message,
    l.file,
    l.line
from latest as l
join standings as s on s.host = l.host
join encryptions as e on e.host = l.host
