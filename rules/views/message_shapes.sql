-- title: Which warnings and errors there were, without what varies in them
-- once:  yes
--
-- Each kind of message of the window, of level warn, error or fatal, with its numbers, addresses,
-- ids, quoted words and paths taken out: `shape`, how often, when first and last, and the first
-- as it stood.
-- Unified logs count only where the program is one that Fleet or its MDM works through: a Mac has
-- thousands of kinds of messages of its own, and new ones with each update.
--
with
    told as (
        select "table", process, message, ts, file, line, coalesce(host, emitter) as whom
        from events
        where
            level in ('warn', 'error', 'fatal')
            and ts >= getvariable('since')
            and ts < getvariable('until')
            and message <> ''
            and "table" not in (
                'osquery_results',
                'nginx_access',
                'alb_access',
                'fleet_hosts',
                'fleet_profiles',
                'fleet_commands',
                'fleet_activities',
                'fleet_apns',
                'fleet_db_locks'
            )
            and (
                "table" <> 'unified_log'
                or process in (
                    'mdmclient',
                    'apsd',
                    'orbit',
                    'osqueryd',
                    'fleet-desktop',
                    'cloudconfigurationd',
                    'profiles'
                )
            )
    ),
    masked as (
        select
            *,
            trim(
                regexp_replace(
                    regexp_replace(
                        regexp_replace(
                            left(replace(message, chr(10), ' '), 300),
                            '"[^"]*"|''[^'']*''|https?://\S+|/[\w./-]{3,}',
                            '<*>',
                            'g'
                        ),
                        '\b[0-9A-Fa-f]{8}-?[0-9A-Fa-f-]{8,}\b|\b0x[0-9a-f]+\b|\b[0-9a-f]{12,}\b',
                        '<*>',
                        'g'
                    ),
                    '\b\d[\d.,:]*(ms|s|us|µs|m|h|%|[KMGT]i?B)?\b',
                    '<*>',
                    'g'
                )
            ) as shape
        from told
    )
select
    "table",
    process,
    shape,
    count(*) as events,
    count(distinct whom) as hosts,
    min(ts) as first_ts,
    max(ts) as last_ts,
    arg_min(message, (ts, file, line)) as message,
    arg_min(file, (ts, file, line)) as file,
    arg_min(line, (ts, file, line)) as line
from masked
group by "table", process, shape
