-- title:    Collection gap
-- severity: medium
-- explains: collection-gap
-- every:    1 hour
-- window:   24 hours
-- alert:    {what}
-- together: no {format} from {hosts} since {since}
-- rows:     covered
--
-- A log that had brought something every hour brings nothing any more, or the log of one host is
-- missing where most hosts like it have theirs. Until it is back, nothing can be said of what it
-- would have told: not that all is well, and not that a host is silent. A log that is only
-- written to when something happens is not judged. Look first at whoever collects it, then at the
-- disk and the clock of the machine.
--
with
    logs as (
        select
            format,
            emitter,
            any_value(covers) as covers,
            max(until) as last_ts,
            -- of the hours from first to last, how many brought something
            sum(date_diff('hour', since, until) + 1) as hours,
            date_diff('hour', min(since), max(until)) + 1 as all_hours
        from covered
        group by format, emitter
    ),
    alive as (select host, max(ts) as last_ts from checkins group by host),
    stopped as (
        select
            if(covers = 'host', coalesce(a.host, l.emitter), null) as host,
            l.last_ts as since,
            getvariable('until') as until,
            l.format,
            l.emitter,
            'nothing collected of '
            || l.format
            || coalesce(' from ' || coalesce(a.host, l.emitter), '')
            || ' since '
            || strftime(l.last_ts, '%Y-%m-%d %H:%M UTC') as what
        from logs as l
        join policy as p on p.scope = 'all'
        left join aliases as a on a.alias = lower(l.emitter)
        left join alive as c on c.host = coalesce(a.host, l.emitter)
        where
            getvariable('until') - l.last_ts > p.collection_after
            and l.last_ts >= getvariable('since')
            and l.hours >= 6
            and l.hours >= 0.9 * l.all_hours
            -- where the host itself is silent, so is its log
            and (l.covers = 'fleet' or c.last_ts - l.last_ts > p.collection_after)
    ),
    missing as (
        select
            host,
            getvariable('since') as since,
            getvariable('until') as until,
            format,
            host as emitter,
            'no '
            || format
            || ' was ever collected from '
            || host
            || ', but from '
            || having_it
            || ' of '
            || like_it
            || ' hosts like it' as what
        from missing_logs
    )
from stopped
union all by name
from missing
order by since, what
