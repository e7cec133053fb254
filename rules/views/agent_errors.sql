-- title: What agents and Macs say in their own logs goes wrong
-- once:  yes
--
-- One reading of the agents' logs (orbit, osqueryd, Fleet Desktop) and, of the unified log, of
-- the programs that talk to Fleet and Apple's MDM. `kind` is what a line says, of a window only:
-- - orbit start, osquery start, restart announced, launch failure (macOS would not open Fleet
-- Desktop), crashed, respawning, service died (launchd's and systemd's word for it)
-- - worker stopped (by osqueryd's watchdog), denylisted, query failed
-- - no such host, connection refused, timeout, unreachable, offline, html answer, no host in URL
-- - enroll refused, node key refused, desktop error, server failed (it answered with a 5xx)
-- - purged, line too long, lines lost: lines that nobody will ever read
-- - clock wrong, clock stepped: `amount` is by how many seconds, positive where the clock was
-- slow; of lines lost it is how many
-- `process` is the program that said so, as far as its log names it.
-- What a failure says twice within a second, as orbit does, is one row. Certificates have
-- `certificate_errors`, locks have `lock_waits`. A query or a table of osquery that fails with a
-- network's words is no network's failure, nor is a socket on the host itself.
--
with
    agents as (
        select
            ts,
            host,
            emitter,
            level,
            process,
            message,
            file,
            line,
            "table",
            "table" = 'orbit' or process in ('orbit', 'osqueryd', 'fleet-desktop') as agent
        from events
        where
            "table" in ('orbit', 'osquery_status', 'syslog', 'journald')
            and ts >= getvariable('since')
            and ts < getvariable('until')
            and (
                "table" in ('orbit', 'osquery_status')
                or process in ('orbit', 'osqueryd', 'fleet-desktop', 'chronyd', 'ntpd', 'systemd')
            )
            and (
                contains(message, 'rror')
                or contains(message, 'ailed')
                or contains(message, 'version')
                or contains(message, 'stopping: ')
                or contains(message, 'respawning')
                or contains(message, 'denylisted')
                or contains(message, 'Purging')
                or contains(message, 'Linesize')
                or contains(message, 'restart')
                or contains(message, 'shutting down')
                or contains(message, 'panic: ')
                or contains(message, 'step')
                or contains(message, 'time reset')
                or level = 'fatal'
            )
    ),
    macs as (
        select
            ts,
            host,
            emitter,
            level,
            process,
            message,
            file,
            line,
            'unified_log' as "table",
            process in ('orbit', 'osqueryd', 'fleet-desktop') as agent,
            event_type,
            loss_count,
            style
        from unified_log
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and (
                event_type = 'lossEvent'
                or process in (
                    'orbit',
                    'osqueryd',
                    'fleet-desktop',
                    'mdmclient',
                    'apsd',
                    'cloudconfigurationd',
                    'remotemanagementd',
                    'nsurlsessiond',
                    'timed',
                    'launchd'
                )
            )
            and (
                event_type = 'lossEvent'
                or (
                    process = 'timed'
                    and (
                        starts_with(message, 'cmd,apply,') or starts_with(message, 'cmd,fetchTime,')
                    )
                )
                or (process = 'launchd' and contains(message, 'com.fleetdm.orbit'))
                or (
                    process not in ('timed', 'launchd')
                    and (
                        contains(message, '-100')
                        or contains(message, 'stopping: ')
                        or contains(message, 'respawning')
                        or contains(message, 'rror')
                    )
                )
            )
    ),
    told as (
        from agents
        union all by name
        from macs
    ),
    sorted as (
        select
            *,
            case
                when event_type = 'lossEvent'
                then 'lines lost'
                when process = 'timed'
                then
                    case
                        when starts_with(message, 'cmd,apply,')
                        then 'clock stepped'
                        when style not in ('compact', 'syslog')
                        then 'clock wrong'
                    end
                when process in ('chronyd', 'ntpd')
                then
                    case
                        when
                            regexp_matches(
                                message,
                                '^System clock (was stepped by|wrong by) |time reset|step time server'
                            )
                        then 'clock stepped'
                    end
                when process in ('launchd', 'systemd')
                then
                    case
                        when
                            regexp_matches(
                                message,
                                'orbit.*(abnormal code|Pushing respawn out|exited due to|Scheduled restart job)'
                            )
                        then 'service died'
                    end
                when not agent and "table" = 'unified_log'
                then
                    case
                        when regexp_matches(message, '(Code=|\[|code: ?)-1009\b')
                        then 'offline'
                        when process = 'nsurlsessiond'
                        then null
                        when regexp_matches(message, '(Code=|\[|code: ?)-1001\b')
                        then 'timeout'
                        when regexp_matches(message, '(Code=|\[|code: ?)-1003\b')
                        then 'no such host'
                        when regexp_matches(message, '(Code=|\[|code: ?)-1004\b')
                        then 'connection refused'
                        when regexp_matches(message, '(Code=|\[|code: ?)-1005\b')
                        then 'unreachable'
                    end
                when
                    contains(message, 'orbit version')
                    and regexp_matches(message, '\borbit version:? \d')
                then 'orbit start'
                when contains(message, 'osquery initialized [version=')
                then 'osquery start'
                when
                    regexp_matches(
                        message, 'osqueryd worker \(\d+\) (stopping: |could not be stopped)'
                    )
                then 'worker stopped'
                when contains(message, 'worker respawning too quickly')
                then 'respawning'
                when
                    contains(message, 'denylisted')
                    or contains(message, 'Scheduled query may have failed')
                then 'denylisted'
                when
                    contains(message, 'Error executing distributed query')
                    or contains(message, 'Error executing scheduled query')
                then 'query failed'
                when contains(message, 'Purging buffered logs limit')
                then 'purged'
                when contains(message, 'Linesize exceeds')
                then 'line too long'
                when
                    contains(message, 'Code=-10822')
                    or contains(message, 'kLSServerCommunicationErr')
                then 'launch failure'
                when
                    level = 'fatal'
                    or regexp_matches(
                        message,
                        '^panic: |osqueryd initialize failed|unexpected exit|osqueryd exited'
                    )
                then 'crashed'
                when regexp_matches(message, 'invalid character ''<''')
                then 'html answer'
                when contains(message, 'no Host in request URL')
                then 'no host in URL'
                when
                    regexp_matches(
                        message,
                        '(?i)enroll.*(\b401\b|unauthenticated|authentication|no node key returned|too often|secret)'
                    )
                    and regexp_matches(message, '(?i)error|fail')
                then 'enroll refused'
                when
                    regexp_matches(
                        message,
                        'status:? 401|[Uu]nauthenticated|node_invalid|invalid (orbit )?node key'
                    )
                then 'node key refused'
                when
                    not contains(message, 'dial unix')
                    and regexp_matches(
                        message,
                        'https?://|dial (tcp|udp)|Request error|lookup |(POST|GET|PUT|HEAD) '
                    )
                    and regexp_matches(
                        message,
                        '(?i)no such host|host not found|connection refused|i/o timeout|timed out|deadline exceeded'
                        || '|Client\.Timeout|handshake timeout|error: timeout|network is unreachable|no route to host'
                        || '|network is down|reset by peer|server misbehaving|proxyconnect'
                    )
                then
                    case
                        when
                            regexp_matches(
                                message,
                                '(?i)no such host|host not found|server misbehaving|lookup '
                            )
                        then 'no such host'
                        when regexp_matches(message, '(?i)connection refused')
                        then 'connection refused'
                        when
                            regexp_matches(
                                message, '(?i)unreachable|no route|reset by peer|is down|proxyc'
                            )
                        then 'unreachable'
                        else 'timeout'
                    end
                when regexp_matches(message, 'get (failing policies|device URL|device) error=')
                then 'desktop error'
                when regexp_matches(message, 'received status 5\d\d')
                then 'server failed'
                when regexp_matches(message, ', restarting|shutting down|restarting orbit')
                then 'restart announced'
            end as kind,
            case
                when kind = 'lines lost'
                then loss_count
                when kind = 'clock wrong'
                then
                    try_cast(nullif(regexp_extract(message, 'tv_sec,(\d+)', 1), '') as double)
                    - epoch(ts)
                when kind = 'clock stepped'
                then
                    try_cast(
                        nullif(
                            regexp_extract(
                                message,
                                '(?:adjust,|stepped by |wrong by |reset |offset )([-+]?\d+(?:\.\d+)?)',
                                1
                            ),
                            ''
                        ) as double
                    )
            end as amount
        from told
    )
select
    s.ts,
    coalesce(a.host, s.host, s.emitter) as host,
    s.emitter,
    s.kind,
    cast(s.amount as double) as amount,
    s.process,
    s."table",
    s.message,
    s.file,
    s.line
from sorted as s
left join aliases as a on a.alias = lower(coalesce(s.host, s.emitter))
where s.kind is not null and (not starts_with(s.kind, 'clock') or abs(s.amount) >= 1)
qualify
    row_number() over (
        partition by coalesce(a.host, s.host, s.emitter), s.kind, date_trunc('second', s.ts)
        order by s."table", s.file, s.line
    )
    = 1
