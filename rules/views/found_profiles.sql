-- title: Profiles that osquery found on a Mac
-- once:  yes
--
-- From scheduled queries of `macos_profiles` whose name says that they are about profiles.
-- `name` is what the Mac calls it, which is Fleet's name for it too. A profile that was
-- removed since is not here.
--
with
    told as (
        select
            coalesce(u.host, n.host, r.host) as host,
            coalesce(r.columns ->> 'display_name', r.columns ->> 'name') as name,
            r.columns ->> 'identifier' as identifier,
            coalesce(
                try_strptime(r.columns ->> 'install_date', '%Y-%m-%d %H:%M:%S %z'),
                make_timestamptz(
                    cast(try_cast(r.columns ->> 'install_date' as double) * 1000000 as bigint)
                )
            ) as installed_at,
            r.action,
            r.ts,
            r.message,
            r.file,
            r.line
        from osquery_results as r
        left join aliases as u on u.alias = lower(r.host_uuid)
        left join aliases as n on n.alias = lower(r.host)
        where
            contains(lower(r.name), 'profile')
            and contains(r.columns, '"identifier"')
            and r.ts < getvariable('until')
    )
select host, name, identifier, installed_at, ts, 'osquery_results' as "table", message, file, line
from told
where name is not null
qualify row_number() over (partition by host, name order by ts desc) = 1 and action <> 'removed'
