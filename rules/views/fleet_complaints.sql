-- title: What Fleet's own log says went wrong with a host's agent
-- once:  yes
--
-- `kind` is enrolling too often, node key refused, enroll secret refused, answer not stored (what
-- a query found could not be ingested) or query failed (which Fleet tells only while it debugs).
-- A host is known by its id, or by its address if nobody else has that; `query` is the query's
-- name, where the line has one. Locks have `lock_waits`, and a live query whose asker has left
-- is nobody's trouble.
--
with
    told as (
        select
            *,
            case
                when contains(message, 'enrolling too often')
                then 'enrolling too often'
                when regexp_matches(message, 'invalid (orbit )?node key')
                then 'node key refused'
                when regexp_matches(message, 'no matching (enroll )?secret|invalid enroll secret')
                then 'enroll secret refused'
                when ingestion_err is not null
                then 'answer not stored'
                when
                    contains(extra, '"query"')
                    and regexp_matches(message, 'error generating table|denylisted|fail|error')
                then 'query failed'
            end as kind
        from fleet_server
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and (
                ingestion_err is not null
                or contains(message, 'enroll')
                or contains(message, 'node key')
                or contains(message, 'secret')
                or contains(extra, '"query"')
            )
            and not regexp_matches(
                message,
                'Error 1(205|213|615)|Lock wait timeout|Deadlock found|waiting for listener'
            )
    ),
    named as (
        select
            *,
            coalesce(
                host, nullif(regexp_extract(message, 'host identified by (\S+)', 1), ''), ip
            ) as name,
            coalesce(
                nullif(json_extract_string(extra, '$.query'), ''),
                nullif(regexp_extract(message, 'ingesting query (\w+)', 1), '')
            ) as query
        from told
        where kind is not null
    )
select
    n.ts,
    coalesce(a.host, n.name) as host,
    n.emitter,
    n.kind,
    n.query,
    'fleet_server' as "table",
    n.message,
    n.file,
    n.line
from named as n
left join aliases as a on a.alias = lower(n.name)
