-- title: By how much a host's clock is off, and what tells of it
-- once:  yes
--
-- `behind_s` is by how many seconds the clock is behind, negative where it is ahead. `kind` is:
-- - clock stepped: the program that sets the clock says by how much
-- - clock wrong: a time server's answer differs from the time of its own line
-- - collected too early: a host's own log was collected before its last line was written; only
-- of logs that name their zone, for else a wrong zone looks the same, unless it is more than a day
-- - went back: later lines of a host's own log have earlier times; a file's lines follow in the
-- order in which they were written, those of the unified log in that of the ticks since the boot.
-- Of the unified log only hosts are asked whose clock was set at all, and where it has neither
-- ticks nor zone, it must have been set by as much
-- - beside others: osquery's lines, as Fleet filed them, stand between those of other hosts that
-- are all of another time, three times at least and always by as much. What came late is not
-- wrong: it is behind by a little less each time, and its neighbours are of the same host.
-- `ts` is when that was, by another clock than the host's where there is one: of the last two kinds
-- the last line before, and the last moment at which the log was collected and still stood so.
--
with
    neighbours as (
        select
            file,
            coalesce(host_uuid, host) as name,
            epoch_us(ts) as ts_us,
            epoch_us(lag(ts) over so_far) as before_us,
            epoch_us(lead(ts) over so_far) as after_us,
            lag(coalesce(host_uuid, host)) over so_far as before_name,
            lead(coalesce(host_uuid, host)) over so_far as after_name
        from osquery_status
        where
            source = 'json'
            and ts >= getvariable('since') - interval 1 day
            and ts < getvariable('until') + interval 1 day
        window so_far as (partition by file order by line)
    ),
    strays as (
        -- most files have none: only of the others it is worth to know what the lines say
        select name, list(distinct coalesce(file, '')) as files
        from neighbours
        where
            least(before_us, after_us) >= epoch_us(getvariable('since'))
            and greatest(before_us, after_us) < epoch_us(getvariable('until'))
            and name <> before_name
            and name <> after_name
            and abs(after_us - before_us) <= 300000000
        group by name
        having
            count(*) >= 3
            and max(before_us - ts_us) - min(before_us - ts_us) <= 600000000
            and max(abs(before_us - ts_us)) > 60000000
    ),
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
            and coalesce(file, '') in (select unnest(files) from strays)
            and ts >= getvariable('since') - interval 1 day
            and ts < getvariable('until') + interval 1 day
        window so_far as (partition by file order by line)
    ),
    beside as (
        select *, epoch(before_ts - ts) as behind_s
        from ordered
        where
            name in (select name from strays)
            and least(before_ts, after_ts) >= getvariable('since')
            and greatest(before_ts, after_ts) < getvariable('until')
            and name <> before_name
            and name <> after_name
            and abs(epoch(after_ts - before_ts)) <= 300
    ),
    readings as (
        select
            format,
            emitter,
            file,
            max(ts) as read_at,
            min(ts) as first_read_at,
            max(until) as newest_ts,
            arg_max(last_ts, ts) as last_ts
        from coverage
        where
            emitter is not null
            and covers = 'host'
            and format in ('orbit', 'journald', 'unified_log')
            and not contains(file, '.tracev3')
        group by format, emitter, file
    ),
    stepped as (select emitter, ts, amount from agent_errors where kind = 'clock stepped'),
    slots as (
        -- all in five minutes are as one: what is out of order within them is harmless
        select
            "table",
            emitter,
            chain,
            sure,
            max(ts) as newest_ts,
            arg_max(step, ts) as newest_step,
            arg_max(file, ts) as newest_file,
            arg_max(line, ts) as newest_line,
            max(step) as last_step,
            arg_max(ts, step) as last_ts,
            arg_max(file, step) as last_file,
            arg_max(line, step) as last_line
        from
            (
                select
                    'orbit' as "table",
                    emitter,
                    file as chain,
                    true as sure,
                    line as step,
                    ts,
                    file,
                    line
                from orbit
                where process = 'orbit'
                union all
                select
                    'unified_log',
                    emitter,
                    coalesce(boot_uuid, file),
                    mach_time is not null,
                    coalesce(mach_time, line),
                    ts,
                    file,
                    line
                from unified_log
                where emitter in (select emitter from stepped)
            )
        where ts >= getvariable('since') and ts < getvariable('until')
        group by "table", emitter, chain, sure, divide(epoch_us(ts), 300000000)
    ),
    peaks as (
        select
            "table",
            emitter,
            chain,
            sure,
            max(newest_ts) as newest_ts,
            arg_max(newest_step, newest_ts) as newest_step,
            arg_max(newest_file, newest_ts) as file,
            arg_max(newest_line, newest_ts) as line
        from slots
        group by "table", emitter, chain, sure
    ),
    lower as (
        select
            p."table",
            p.emitter,
            p.newest_ts,
            p.file,
            p.line,
            min(s.last_ts) as lowest_ts,
            arg_max(s.last_ts, s.last_step) as last_ts,
            arg_max(s.last_file, s.last_step) as last_file,
            arg_max(s.last_line, s.last_step) as last_line,
            bool_or(p.sure or abs(epoch(p.newest_ts - e.ts) + e.amount) < 900) as sure
        from peaks as p
        join
            slots as s
            on s."table" = p."table"
            and s.emitter = p.emitter
            and s.chain = p.chain
            and s.sure = p.sure
            and s.last_step > p.newest_step
        left join stepped as e on e.emitter = p.emitter
        group by p."table", p.emitter, p.newest_ts, p.file, p.line
    ),
    went_back as (
        select
            "table",
            emitter,
            newest_ts,
            file,
            line,
            epoch(newest_ts - lowest_ts) as behind_s,
            last_ts,
            last_file,
            last_line
        from lower
        where sure and newest_ts - lowest_ts > interval 5 minutes
        union all
        -- what lies farther back than all that is asked
        select
            format, emitter, newest_ts, file, null, epoch(newest_ts - last_ts), last_ts, file, null
        from readings
        where
            newest_ts - last_ts > interval 26 hours
            and last_ts < getvariable('since')
            and newest_ts >= getvariable('since')
            and newest_ts < getvariable('until')
            and first_read_at <= getvariable('now')
    ),
    ahead as (
        select e."table", e.emitter, e.file, max(e.ts) as last_ts, arg_max(e.line, e.ts) as line
        from events as e
        where
            e.ts >= getvariable('until')
            and e."table" in ('orbit', 'journald', 'unified_log')
            and e.emitter is not null
        group by e."table", e.emitter, e.file
    ),
    jumped as (
        select
            w."table",
            w.emitter,
            'went back' as kind,
            w.behind_s,
            w.newest_ts,
            w.file,
            w.line,
            w.last_ts,
            w.last_file,
            w.last_line,
            max(r.read_at) as read_at
        from went_back as w
        left join
            readings as r
            on r.format = w."table"
            and r.emitter = w.emitter
            and r.first_read_at <= getvariable('now')
        group by all
        union all
        select
            a."table",
            a.emitter,
            'collected too early',
            epoch(r.read_at - a.last_ts),
            coalesce(max(s.newest_ts), min(r.first_read_at)),
            a.file,
            max(s.newest_line),
            a.last_ts,
            a.file,
            a.line,
            r.read_at
        from ahead as a
        join
            readings as r
            on r.format = a."table"
            and r.emitter = a.emitter
            and r.file = a.file
            and r.first_read_at <= getvariable('now')
            and a.last_ts > r.read_at + interval 26 hours
        left join slots as s on s."table" = a."table" and s.emitter = a.emitter
        group by all
    ),
    told as (
        select
            newest_ts as ts,
            emitter as host,
            emitter,
            kind,
            behind_s,
            "table",
            'the last line before the clock was wrong' as message,
            file,
            line
        from jumped
        union all
        select
            greatest(newest_ts, least(coalesce(read_at, newest_ts), getvariable('until'))),
            emitter,
            emitter,
            kind,
            behind_s,
            "table",
            'its last line is dated ' || strftime(last_ts, '%Y-%m-%d %H:%M:%S') || ' UTC',
            last_file,
            last_line
        from jumped
        union all
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
