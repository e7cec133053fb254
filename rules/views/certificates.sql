-- title: Certificates in use, and when they end
-- once:  yes
--
-- `kind` is push (Fleet's, for Apple), identity (a Mac's own, by which Fleet knows it, as a query
-- of osquery's `certificates` reports it) or server (that of a server, as one of
-- `curl_certificate` does, named by its host name). A Mac that renewed its identity keeps the old
-- one for a while, so the one that ends last counts; an answer that is `removed` is one it no
-- longer has. Nothing is known of what no query asks for.
--
with
    answers as (
        select
            ts,
            host,
            file,
            line,
            if(contains(columns, 'valid_to'), 'server', 'identity') as kind,
            nullif(regexp_extract(columns, '"common_name" ?: ?"([^"]*)"', 1), '') as common_name,
            nullif(regexp_extract(columns, '"hostname" ?: ?"([^"]*)"', 1), '') as hostname,
            regexp_extract(
                columns, '"[^"]*(?:not_valid_after|valid_to)[^"]*" ?: ?"?([^"]*?)"?[,}]', 1
            ) as ends
        from (select *, cast(columns as varchar) as columns from osquery_results) as r
        where
            ts < getvariable('until')
            and action in ('added', 'snapshot')
            and (contains(columns, 'not_valid_after') or contains(columns, 'valid_to'))
    ),
    dated as (
        select
            *,
            coalesce(
                to_timestamp(try_cast(nullif(ends, '') as bigint)),
                timezone(
                    'UTC',
                    try_strptime(
                        ends, ['%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%SZ', '%b %d %H:%M:%S %Y GMT']
                    )
                )
            ) as not_after
        from answers
        where kind = 'server' or regexp_matches(common_name, '(?i)fleet.*identity')
    ),
    named as (
        select
            d.* replace(if(kind = 'server', null, coalesce(a.host, d.host)) as host),
            if(kind = 'server', coalesce(hostname, common_name), common_name) as name
        from dated as d
        left join aliases as a on a.alias = lower(d.host)
        where not_after is not null
    ),
    latest as (
        select
            kind,
            host,
            arg_max(name, (not_after, ts)) as name,
            if(kind = 'server', arg_max(not_after, ts), max(not_after)) as not_after,
            min(ts) as since,
            max(ts) as until,
            'osquery_results' as "table",
            arg_max(file, (not_after, ts)) as file,
            arg_max(line, (not_after, ts)) as line
        from named
        group by kind, host, if(kind = 'server', name, null)
    )
select *
from latest
union all
select 'push', null, topic, not_after, since, until, 'fleet_apns', file, line
from push_certificates
where current and not_after is not null
