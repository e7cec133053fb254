-- title: Waits for locks in a database, and deadlocks
-- once:  yes
--
-- A row a wait, told by Fleet's log (MySQL errors 1205, 1213 and 1615, in requests, details of
-- hosts and crons), by MySQL's own (deadlocks only: it keeps no lock waits), by Fleet's lists
-- of waits and of errors, and by a host ("database is locked", or the lock of osquery's own).
-- `kind` is deadlock, lock wait, prepared statement, sqlite or rocksdb, `scope` server or host.
-- Each wait counts once: what MySQL
-- tells within two seconds of Fleet is the same deadlock, and names its tables; a wait that a
-- list shows is the one that Fleet's log ends with an error up to two minutes later, and names
-- what held the lock; the alarm mail of a cron repeats its log. `host` is whose request
-- waited, `lost` that what the host wrote was not kept. The words prove nothing by themselves,
-- since a query's name may have them: it must be MySQL's error, and of a Mac's programs only
-- those of management count.
--
with
    fleet as (
        select
            ts,
            if(
                uri is null or regexp_matches(uri, '/osquery/|/orbit/|/mdm/apple|/fleet/device/'),
                coalesce(host, ip),
                host
            ) as name,
            emitter,
            regexp_extract(
                replace(message, coalesce(uri, ''), ''),
                'Error (1205|1213|1615)(?: \(\w{5}\))?:|(Lock wait timeout exceeded); try restarting'
                || '|(Deadlock found) when trying',
                ['number', 'wait', 'deadlock']
            ) as error,
            uri,
            cron,
            process,
            took_s,
            message,
            file,
            line
        from fleet_server
        where
            ts >= getvariable('since') - interval 2 minutes
            and ts < getvariable('until')
            and (
                contains(message, 'try restarting transaction')
                or contains(message, 'Error 1205')
                or contains(message, 'Error 1213')
                or contains(message, 'Error 1615')
            )
            and (
                level in ('warn', 'error', 'fatal')
                or coalesce(err, internal, ingestion_err) is not null
            )
    ),
    told_by_fleet as (
        select
            *,
            case
                when error.number = '1615'
                then 'prepared statement'
                when error.number = '1213' or error.deadlock <> ''
                then 'deadlock'
                else 'lock wait'
            end as kind,
            coalesce(
                nullif(
                    regexp_extract(
                        regexp_replace(message, 'ingesting query \w+', ''),
                        '\b(host_[a-z_]+|nano_[a-z_]+|mdm_[a-z_]+_(?:profiles|declarations|commands)'
                        || '|label_membership|policy_membership|software_[a-z]*s|activities)\b',
                        1
                    ),
                    ''
                ),
                case
                    when contains(message, 'host software') or contains(message, 'insert software')
                    then 'host_software'
                    when contains(message, 'insert users') or contains(message, 'host users')
                    then 'host_users'
                    when contains(message, 'updating nics')
                    then 'network_interfaces'
                    when contains(message, 'batteries')
                    then 'host_batteries'
                    when contains(message, 'label membership') or contains(message, 'label_query')
                    then 'label_membership'
                    when contains(message, 'updating host profiles')
                    then 'host_mdm_apple_profiles'
                    when contains(message, 'update host details') or contains(message, 'save host')
                    then 'hosts'
                end
            ) as table_name
        from fleet
        where
            coalesce(error.number || error.wait || error.deadlock, '') <> ''
            and not (
                process = 'cron'
                and exists (
                    from fleet as f
                    where
                        f.process <> 'cron'
                        and f.cron = fleet.cron
                        and f.ts
                        between fleet.ts - interval 2 minutes and fleet.ts + interval 2 minutes
                )
            )
        qualify
            row_number() over (
                partition by date_trunc('second', ts), emitter, name, message, took_s order by line
            )
            = 1
    ),
    mysql as (
        select
            *,
            max(if(kind = 'deadlock', line, null)) over (
                partition by file order by line rows between unbounded preceding and current row
            ) as of_line
        from mysql_error
        where
            kind in ('deadlock', 'deadlock_part', 'lock_wait')
            and ts >= getvariable('since') - interval 2 minutes
            and ts < getvariable('until')
    ),
    dumps as (
        select
            any_value(ts) filter (where kind <> 'deadlock_part') as ts,
            any_value(emitter) as emitter,
            any_value(kind) filter (where kind <> 'deadlock_part') as kind,
            min(table_name) as table_name,
            any_value(message) filter (where kind <> 'deadlock_part') as message,
            left(
                string_agg(regexp_replace(statement, '\s+', ' ', 'g'), '; ' order by line), 300
            ) as statements,
            file,
            min(line) as line
        from mysql
        group by file, if(kind = 'lock_wait', line, of_line)
        having ts is not null
    ),
    paired as (
        -- a deadlock of MySQL belongs to the nearest of Fleet's lines, and each of these to one
        select d.*, f.line as of_line, f.file as of_file
        from dumps as d
        left join
            told_by_fleet as f
            on f.ts between d.ts - interval 2 seconds and d.ts + interval 2 seconds
            and f.kind = d.kind
        qualify
            row_number() over (
                partition by d.file, d.line order by abs(epoch(f.ts - d.ts)), f.line nulls last
            )
            = 1
    ),
    own_dumps as (
        select *, row_number() over (partition by of_file, of_line order by ts, line) as nth
        from paired
    ),
    lists as (
        select
            min(ts) as ts,
            any_value(emitter) as emitter,
            nullif(
                regexp_extract(
                    any_value(waiting_query),
                    '(?i)(?:update|into|from|join)\s+`?(?:\w+`?\.`?)?(\w+)',
                    1
                ),
                ''
            ) as table_name,
            any_value(blocking_query) as held_by,
            any_value(message) as message,
            arg_min(file, ts) as file,
            arg_min(line, ts) as line
        from fleet_db_locks
        where ts >= getvariable('since') - interval 2 minutes and ts < getvariable('until')
        group by coalesce(waiting_trx_id, file || line)
    ),
    counted_errors as (
        -- an error that was kept is one moment, however often the list was pulled since
        select
            coalesce(occurred_at, min(ts)) as ts,
            any_value(emitter) as emitter,
            if(
                contains(message, '1205') or contains(message, 'Lock wait'),
                'lock wait',
                if(contains(message, '1615'), 'prepared statement', 'deadlock')
            ) as kind,
            message || coalesce(': ' || wrapped, '') as said,
            arg_min(file, ts) as file,
            arg_min(line, ts) as line
        from fleet_errors
        where
            regexp_matches(message, 'Error (1205|1213|1615)|try restarting transaction')
            and ts >= getvariable('since')
            and ts < getvariable('until')
        group by message, wrapped, occurred_at
    ),
    local as (
        select ts, host, emitter, process, level, message, file, line, 'unified_log' as "table"
        from unified_log
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and contains(message, 'database is locked')
            and process in (
                'mdmclient',
                'apsd',
                'profiles',
                'ManagedClient',
                'ManagedClientAgent',
                'orbit',
                'osqueryd',
                'fleet-desktop',
                'cloudconfigurationd',
                'remotemanagementd',
                'RemoteManagementAgent'
            )
        union all
        select ts, host, emitter, process, level, message, file, line, 'osquery_status'
        from osquery_status
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and (
                contains(message, 'database is locked')
                or (contains(message, 'RocksDB') and contains(message, 'lock file'))
            )
            and not contains(message, 'scheduled query')
            and level in ('warn', 'error', 'fatal')
        union all
        select ts, host, emitter, process, level, message, file, line, 'orbit'
        from orbit
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and (
                contains(message, 'database is locked')
                or (contains(message, 'RocksDB') and contains(message, 'lock file'))
            )
            and not contains(message, 'scheduled query')
            and (level in ('warn', 'error', 'fatal') or contains(message, 'rror'))
    ),
    waits as (
        select
            f.ts,
            f.name,
            f.emitter,
            f.kind,
            coalesce(
                f.uri,
                'cron ' || f.cron,
                if(contains(f.message, 'last_seen_at'), 'MDM check-ins, in a batch', null)
            ) as endpoint,
            coalesce(d.table_name, f.table_name) as table_name,
            d.statements as statement,
            f.took_s,
            coalesce(contains(f.uri, '/osquery/distributed/write'), false)
            or contains(f.message, 'update host details') as lost,
            'fleet_server' as "table",
            f.message,
            f.file,
            f.line
        from told_by_fleet as f
        left join own_dumps as d on d.of_file = f.file and d.of_line = f.line and d.nth = 1
        union all
        select
            ts,
            null,
            emitter,
            replace(kind, '_', ' '),
            null,
            table_name,
            statements,
            null,
            false,
            'mysql_error',
            message,
            file,
            line
        from own_dumps
        where of_line is null or nth > 1
        union all
        select
            l.ts,
            null,
            l.emitter,
            'lock wait',
            null,
            l.table_name,
            null,
            null,
            false,
            'fleet_db_locks',
            l.message,
            l.file,
            l.line
        from lists as l
        where
            not exists (
                from told_by_fleet as f
                where
                    f.ts between l.ts - interval 5 seconds and l.ts + interval 2 minutes
                    and coalesce(f.table_name, l.table_name) is not distinct from l.table_name
            )
        union all
        select
            e.ts,
            null,
            e.emitter,
            e.kind,
            null,
            null,
            null,
            null,
            false,
            'fleet_errors',
            e.said,
            e.file,
            e.line
        from counted_errors as e
        where
            not exists (
                from told_by_fleet as f
                where
                    f.kind = e.kind
                    and f.ts between e.ts - interval 2 seconds and e.ts + interval 2 seconds
            )
        union all
        select
            ts,
            coalesce(host, emitter),
            emitter,
            if(contains(message, 'RocksDB'), 'rocksdb', 'sqlite'),
            null,
            null,
            null,
            null,
            false,
            "table",
            message,
            file,
            line
        from local
    )
select
    w.ts,
    -- an address that nobody knows may be that of many
    coalesce(a.host, if(regexp_matches(w.name, '^[\d.]+\.\d+$|:.*:'), null, w.name)) as host,
    w.emitter,
    w.kind,
    w.endpoint,
    w.table_name,
    w.took_s,
    if(w.kind in ('sqlite', 'rocksdb'), 'host', 'server') as scope,
    w.lost,
    w.statement,
    (
        select any_value(l.held_by)
        from lists as l
        where
            w.kind = 'lock wait'
            and l.ts between w.ts - interval 2 minutes and w.ts + interval 5 seconds
            and l.table_name = coalesce(w.table_name, l.table_name)
    ) as held_by,
    w."table",
    w.message,
    w.file,
    w.line
from waits as w
left join alias_spans as a on a.alias = lower(w.name) and w.ts >= a.since and w.ts < a.until
where w.ts >= getvariable('since') and w.ts < getvariable('until')
