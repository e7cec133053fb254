-- title: What went wrong in Fleet, its database or on the way between it and the proxy
-- once:  yes
--
-- One row a line, `kind` being database (no connection, or too many), redis, health (Fleet
-- calls itself unwell: it asks both), panic, start (Fleet began to run), timeout (a request
-- given up), log destination (results could not be passed on), slow (longer than the policy's
-- `slow_after`), upstream (the proxy got no answer), status (a 5xx that a proxy saw), or what
-- MySQL says of itself: mysql crash, mysql shutdown, mysql startup. Of Fleet's list of errors,
-- deletions of a profile that broke off at least `error_count` times. Of a 5xx, 20 a minute
-- and endpoint at most are kept: `request_rates` counts them. Not here: what clients do wrong
-- (401, 404, 422), locks (`lock_waits`), certificates, and slow by nature: reports, downloads,
-- uploads of packages and carves. `change` marks a change of profiles or teams, which all
-- hosts wait for.
--
with
    policies as (select * from policy where scope = 'all'),
    fleet as (
        select
            f.ts,
            if(
                regexp_matches(f.uri, '/osquery/|/orbit/|/mdm/apple|/fleet/device/'),
                coalesce(f.host, f.ip),
                null
            ) as name,
            f.emitter,
            case
                when f.level = 'fatal' or contains(f.message, 'panic serving')
                then 'panic'
                when f.message = 'listening' or starts_with(f.message, 'listening: ')
                then 'start'
                when
                    contains(f.message, 'bad connection')
                    or contains(f.message, 'invalid connection')
                    or contains(f.message, 'Too many connections')
                    or contains(f.message, 'Error 1053')
                    or contains(f.message, 'Error 1290')
                    or regexp_matches(
                        f.message,
                        'dial tcp [^ ]*:3306: .*(refused|timeout|no such host|unreachable)|could not connect to db|read tcp .*:3306: '
                    )
                then 'database'
                when
                    regexp_matches(
                        f.message,
                        'dial tcp [^ ]*:6379: |redigo: |connection pool exhausted|LOADING Redis|read tcp .*:6379: '
                    )
                then 'redis'
                when f.uri = '/healthz'
                then 'health'
                when contains(f.uri, '/osquery/log') and contains(f.message, 'writing ')
                then 'log destination'
                when f.took_s > epoch(p.slow_after)
                then 'slow'
                when
                    contains(f.message, 'context deadline exceeded')
                    or contains(f.message, 'context canceled')
                then 'timeout'
            end as kind,
            regexp_replace(
                split_part(f.uri, '?', 1),
                '/(?:\d+\b|[0-9A-Za-z=%.-]{24,}|[\w=%.-]{32,})',
                '/:id',
                'g'
            ) as endpoint,
            f.method,
            cast(null as bigint) as status,
            f.took_s,
            'fleet_server' as "table",
            1 as times,
            f.message,
            f.file,
            f.line
        from fleet_server as f
        cross join policies as p
        where
            f.ts >= getvariable('since')
            and f.ts < getvariable('until')
            and (
                f.level in ('error', 'fatal', 'warn')
                or f.took_s > epoch(p.slow_after)
                or starts_with(f.message, 'listening')
                or contains(f.message, 'bad connection')
            )
            and not contains(f.message, 'try restarting transaction')
            and not contains(f.message, 'ertificate')
            and not contains(f.message, 'api.push.apple.com')
    ),
    proxied as (
        select
            n.ts,
            n.host as name,
            n.emitter,
            n.endpoint,
            n.method,
            n.status,
            coalesce(n.upstream_s, n.took_s) as took_s,
            'nginx_access' as "table",
            n.message,
            n.file,
            n.line
        from nginx_access as n
        cross join policies as p
        where
            n.ts >= getvariable('since')
            and n.ts < getvariable('until')
            and (n.channel is not null or n.path = '/healthz')
            and (n.status >= 500 or coalesce(n.upstream_s, n.took_s) > epoch(p.slow_after))
        union all
        select
            l.ts,
            l.host,
            l.emitter,
            l.endpoint,
            l.method,
            l.status,
            l.target_processing_time_s,
            'alb_access',
            l.message,
            l.file,
            l.line
        from alb_access as l
        cross join policies as p
        where
            l.ts >= getvariable('since')
            and l.ts < getvariable('until')
            and (l.channel is not null or l.path = '/healthz')
            and (l.status >= 500 or l.target_processing_time_s > epoch(p.slow_after))
    ),
    told as (
        from fleet
        where kind is not null
        union all
        select
            ts,
            name,
            emitter,
            case
                when endpoint = '/healthz'
                then 'health'
                when status >= 500
                then 'status'
                else 'slow'
            end,
            endpoint,
            method,
            status,
            took_s,
            "table",
            1,
            message,
            file,
            line
        from proxied
        qualify
            row_number() over (
                partition by time_bucket(interval 1 minute, ts), endpoint, status order by ts
            )
            <= 20
        union all
        select
            ts,
            host,
            emitter,
            'upstream',
            endpoint,
            method,
            null,
            null,
            'nginx_error',
            1,
            message,
            file,
            line
        from nginx_error
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and level in ('error', 'fatal')
            and regexp_matches(
                message,
                'upstream timed out|connect\(\) failed|no live upstreams|upstream prematurely closed'
            )
        union all
        select
            ts,
            null,
            emitter,
            if(kind = 'too_many_connections', 'database', 'mysql ' || kind),
            null,
            null,
            null,
            null,
            'mysql_error',
            1,
            message,
            file,
            line
        from mysql_error
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and kind in ('too_many_connections', 'crash', 'shutdown', 'startup')
        union all
        select
            coalesce(occurred_at, min(ts)),
            null,
            any_value(emitter),
            'timeout',
            'deletion of a profile',
            'DELETE',
            null,
            null,
            'fleet_errors',
            max(count),
            message || coalesce(': ' || wrapped, ''),
            arg_max(file, ts),
            arg_max(line, ts)
        from fleet_errors
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and contains(stack, 'DeleteMDMAppleConfigProfile')
            and not contains(message, 'try restarting transaction')
        group by message, wrapped, occurred_at
        having max(count) >= (select error_count from policies)
    )
select
    t.ts,
    coalesce(a.host, t.name) as host,
    t.emitter,
    t.kind,
    t.endpoint,
    t.method,
    t.status,
    t.took_s,
    coalesce(
        t.method in ('POST', 'PUT', 'PATCH', 'DELETE')
        and regexp_matches(
            t.endpoint,
            '/configuration_profiles|/profiles|deletion of a profile|/hosts/transfer|/spec/(teams|fleets)|/setup_experience'
        ),
        false
    ) as change,
    t."table",
    t.times,
    t.message,
    t.file,
    t.line
from told as t
left join alias_spans as a on a.alias = lower(t.name) and t.ts >= a.since and t.ts < a.until
where
    t.kind <> 'slow'
    or t.endpoint is null
    or not regexp_matches(
        t.endpoint,
        'package|installer|download|bootstrap|carve|report|export|websocket|/debug/|/logout'
    )
