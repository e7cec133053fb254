-- title: By how much a host's clock is off, and what tells of it
-- once:  yes
--
-- `behind_s` is by how many seconds the clock is behind, negative where it is ahead. `kind` is:
-- - clock stepped: the program that sets the clock says by how much
-- - clock wrong: a time server's answer differs from the time of its own line
-- - collected too early: a host's own log was collected before its last line was written; only
-- of logs that name their zone, for else a wrong zone looks the same
-- - beside others: osquery's lines, as Fleet filed them, stand between those of other hosts that
-- are all of another time, three times at least and always by as much. What came late is not
-- wrong: it is behind by a little less each time, and its neighbours are of the same host.
-- `ts` is when that was, by another clock than the host's where there is one.
--
with
    ordered as (
        select
            coalesce(host_uuid, host) as name,
            emitter,
            ts,
            message,
            file,
            line,
            lag(ts) over so_far as before_ts,
            lead(ts) over so_far as after_ts,
            lag(coalesce(host_uuid, host)) over so_far as before_name,
            lead(coalesce(host_uuid, host)) over so_far as after_name
        from osquery_status
        where
            source = 'json'
            and ts >= getvariable('since') - interval 1 day
            and ts < getvariable('until') + interval 1 day
        window so_far as (partition by file order by line)
    ),
    beside as (
        select *, epoch(before_ts - ts) as behind_s
        from ordered
        where
            least(before_ts, after_ts) >= getvariable('since')
            and greatest(before_ts, after_ts) < getvariable('until')
            and name <> before_name
            and name <> after_name
            and abs(epoch(after_ts - before_ts)) <= 300
        qualify
            count(*) over (partition by name) >= 3
            and max(behind_s) over (partition by name) - min(behind_s) over (partition by name)
            <= 600
    ),
    told as (
        select
            before_ts as ts,
            name as host,
            emitter,
            'beside others' as kind,
            behind_s,
            'osquery_status' as "table",
            message,
            file,
            line
        from beside
        where abs(behind_s) > 60
        union all
        select
            ts,
            emitter,
            emitter,
            'collected too early',
            epoch(ts - until),
            format,
            'collected ' || round(epoch(until - ts)) || ' s before its last line was written',
            file,
            null
        from coverage
        where
            ts >= getvariable('since')
            and ts <= getvariable('until')
            and until > ts
            and emitter is not null
            and format in ('orbit', 'journald', 'osquery_results')
        union all
        select ts, host, emitter, kind, amount, "table", message, file, line
        from agent_errors
        where kind in ('clock stepped', 'clock wrong')
    )
select
    t.ts,
    coalesce(a.host, t.host) as host,
    t.emitter,
    t.kind,
    cast(t.behind_s as double) as behind_s,
    t."table",
    t.message,
    t.file,
    t.line
from told as t
left join aliases as a on a.alias = lower(t.host)
