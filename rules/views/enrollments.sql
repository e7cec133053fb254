-- title: Each enrollment of each host
-- once:  yes
--
-- As three logs tell of it: `last_enrolled_at` of a snapshot that is not the one before (of
-- several between two snapshots, only the last), Fleet's activity `fleet_enrolled`, and the lines
-- in which Fleet's log says that a host with a duplicate identifier took over a row, or refuses
-- one that is enrolling too often (`kind` refused). A reinstalled agent is an enrollment too.
--
with
    told as (
        select
            max(last_enrolled_at) as ts,
            host as name,
            'enrolled' as kind,
            'fleet_hosts' as "table",
            'last_enrolled_at moved' as message,
            min_by(file, ts) as file,
            min_by(line, ts) as line
        from host_snapshots
        where last_enrolled_at is not null
        group by host, last_enrolled_at
        union all
        select
            ts,
            coalesce(nullif(details ->> 'host_serial', ''), host),
            'enrolled',
            'fleet_activities',
            message,
            file,
            line
        from fleet_activities
        where type = 'fleet_enrolled'
        union all
        select
            ts,
            coalesce(
                cast(host_id as varchar),
                host,
                nullif(regexp_extract(message, 'identified by (\S+) enrolling', 1), '')
            ),
            if(contains(message, 'enrolling too often'), 'refused', 'taken over'),
            'fleet_server',
            message,
            file,
            line
        from fleet_server
        where contains(message, 'duplicate identifier') or contains(message, 'enrolling too often')
    )
select t.ts, coalesce(a.host, t.name) as host, t.kind, t."table", t.message, t.file, t.line, t.name
from told as t
left join alias_spans as a on a.alias = lower(t.name) and t.ts >= a.since and t.ts < a.until
where t.name is not null and t.ts < getvariable('until')
