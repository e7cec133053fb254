-- title: Waits for locks in a database, and deadlocks
--
-- From Fleet's log (MySQL errors 1205, 1213 and 1615), from MySQL's own, and from the Mac
-- (SQLite's "database is locked"). `kind` is deadlock, lock wait, prepared statement or sqlite.
-- What MySQL tells within two seconds of Fleet is the same trouble, and Fleet knows the request.
-- The words alone prove nothing, since a query or a request may have them: there must be an
-- error.
--
with
    told as (
        select
            ts,
            host,
            emitter,
            message,
            uri as endpoint,
            took_s,
            file,
            line,
            'fleet_server' as "table"
        from fleet_server
        where
            (
                (contains(message, 'Error 1') and regexp_matches(message, 'Error 1(205|213|615)'))
                or contains(message, 'Lock wait timeout exceeded')
                or contains(message, 'Deadlock found when trying to get lock')
            )
            and (
                level in ('warn', 'error', 'fatal')
                or coalesce(err, internal, ingestion_err) is not null
            )
        union all
        select ts, null, emitter, message, null, null, file, line, 'mysql_error'
        from mysql_error
        where kind in ('deadlock', 'lock_wait')
        union all
        select ts, host, emitter, message, null, null, file, line, "table"
        from events
        where
            "table" in ('unified_log', 'osquery_status', 'orbit')
            and contains(message, 'database is locked')
            and (
                "table" = 'unified_log'
                or level in ('warn', 'error', 'fatal')
                or contains(message, 'rror')
            )
    )
select
    t.ts,
    coalesce(a.host, t.host) as host,
    t.emitter,
    case
        when contains(t.message, 'database is locked')
        then 'sqlite'
        when contains(t.message, '1615')
        then 'prepared statement'
        when
            t."table" = 'mysql_error'
            or contains(t.message, '1213')
            or contains(t.message, 'Deadlock')
        then 'deadlock'
        else 'lock wait'
    end as kind,
    t.endpoint,
    nullif(
        regexp_extract(
            t.message,
            '(host_[a-z_]+|nano_[a-z_]+|hosts|software[a-z_]*|label_membership|users|policy_membership)',
            1
        ),
        ''
    ) as table_name,
    t.took_s,
    t."table",
    t.message,
    t.file,
    t.line
from told as t
left join aliases as a on lower(t.host) = a.alias
where
    t.ts < getvariable('until')
    and not (
        t."table" = 'mysql_error'
        and exists (
            from told as f
            where
                f."table" = 'fleet_server'
                and f.ts between t.ts - interval 2 seconds and t.ts + interval 2 seconds
        )
    )
