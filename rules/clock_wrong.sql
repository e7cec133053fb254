-- title:    Clock wrong
-- severity: high
-- explains: clock-skew
-- needs:    unified_log | osquery_status | journald
-- every:    5 minutes
-- window:   24 hours
-- alert:    the clock of {host} {what}
-- together: the clock of {hosts} {have} been wrong {when}
-- rows:     agent_errors (host, kind)
--
-- With a wrong clock no certificate is valid, and the host's own lines stand at wrong times: its
-- gaps and its errors belong elsewhere. Four things tell of it: the program that sets the clock
-- says by how much, a time server's answer differs from the time of its own line, lines were
-- collected before they were written, and lines that osquery sent stand among those of others
-- that are all of another time, always by as much. Logs that came late are not wrong: they are
-- behind by a little less each time, and their neighbours are of the same host. Zones cannot be
-- told from clocks where a log does not name its zone, so such logs are not asked. Look first at
-- the time server's name, then at the battery.
--
with
    stepped as (
        select host, ts as since, ts as until, amount as behind_s, kind
        from agent_errors
        where kind in ('clock stepped', 'clock wrong')
    ),
    ahead as (
        select
            coalesce(a.host, c.emitter) as host,
            c.ts as since,
            c.ts as until,
            epoch(c.ts - c.until) as behind_s,
            'line of the future' as kind
        from coverage as c
        left join aliases as a on a.alias = lower(c.emitter)
        where
            c.ts >= getvariable('since')
            and c.ts <= getvariable('until')
            and c.until > c.ts
            and (c.emitter is not null and c.format in ('orbit', 'journald', 'osquery_results'))
    ),
    ordered as (
        select
            coalesce(host_uuid, host) as name,
            ts,
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
        select
            name,
            min(before_ts) as since,
            max(after_ts) as until,
            median(epoch(before_ts - ts)) as behind_s,
            max(epoch(before_ts - ts)) - min(epoch(before_ts - ts)) as spread_s
        from ordered
        where
            least(before_ts, after_ts) >= getvariable('since')
            and greatest(before_ts, after_ts) < getvariable('until')
            and name <> before_name
            and name <> after_name
            and abs(epoch(after_ts - before_ts)) <= 300
        group by name
        having count(*) >= 3 and spread_s <= 600
    ),
    told as (
        from stepped
        union all
        from ahead
        union all
        select coalesce(a.host, b.name), b.since, b.until, b.behind_s, 'beside others'
        from beside as b
        left join aliases as a on a.alias = lower(b.name)
    ),
    judged as (
        select t.*, coalesce(h.clock_after, p.clock_after) as allowed
        from told as t
        join policy as p on p.scope = 'all'
        left join hosts as h on h.host = t.host
        where abs(t.behind_s) > epoch(coalesce(h.clock_after, p.clock_after))
    )
select
    host,
    min(since) as since,
    max(until) as until,
    arg_max(kind, abs(behind_s)) as kind,
    case arg_max(kind, abs(behind_s)) when 'clock stepped' then 'was set ' else 'is ' end
    || cast(round(max(abs(behind_s)) / 60) as bigint)
    || ' min '
    || case
        when arg_max(kind, abs(behind_s)) = 'clock stepped'
        then if(arg_max(behind_s, abs(behind_s)) > 0, 'forward', 'back')
        when arg_max(behind_s, abs(behind_s)) > 0
        then 'behind'
        else 'ahead'
    end as what,
    count(*) as events,
    arg_max(behind_s, abs(behind_s)) as behind_s
from judged
group by host
order by since, host
