-- title:    Collection gap
-- severity: medium
-- explains: collection-gap
-- every:    1 hour
-- window:   24 hours
-- alert:    {what}
--
-- A log that had brought something every hour brings nothing any more, or the log of one host is
-- missing
-- where most hosts like it have theirs. Until it is back, nothing can be said of what it would
-- have told:
-- not that all is well, and not that a host is silent. A log that is only written to when
-- something happens
-- is not judged. Look first at whoever collects it, then at the disk and the clock of the machine.
--
with
    logs as (
        select
            format,
            emitter,
            any_value(covers) as covers,
            max(until) as last_ts,
            count(distinct time_bucket(interval 1 hour, since)) as spans,
            sum(date_diff('hour', since, until) + 1) as hours
        from covered
        group by all
    ),
    stopped as (
        select
            if(covers = 'host', coalesce(a.host, l.emitter), null) as host,
            l.last_ts as since,
            getvariable('until') as until,
            l.format,
            l.emitter,
            'nothing collected of '
            || l.format
            || coalesce(' from ' || l.emitter, '')
            || ' since '
            || strftime(l.last_ts, '%Y-%m-%d %H:%M UTC') as what
        from logs as l
        join policy as p on p.scope = 'all'
        left join aliases as a on a.alias = lower(l.emitter)
        where
            getvariable('until') - l.last_ts > p.collection_after
            and l.last_ts >= getvariable('since')
            and l.hours >= 6
    ),
    own as (
        select distinct c.format, coalesce(a.host, c.emitter) as host
        from covered as c
        left join aliases as a on a.alias = lower(c.emitter)
        where c.covers = 'host' and c.emitter is not null
    ),
    shares as (
        select h.platform, o.format, count(*) as having_it
        from own as o
        join hosts as h on h.host = o.host
        group by all
    ),
    sizes as (
        select platform, count(*) as hosts from hosts where platform is not null group by all
    ),
    missing as (
        select
            h.host,
            getvariable('since') as since,
            getvariable('until') as until,
            s.format,
            h.host as emitter,
            'no '
            || s.format
            || ' was ever collected from '
            || h.host
            || ', but from '
            || s.having_it
            || ' of '
            || z.hosts
            || ' hosts like it' as what
        from shares as s
        join sizes as z on z.platform = s.platform
        join hosts as h on h.platform = s.platform
        where
            s.having_it * 2 > z.hosts
            and s.having_it > 2
            and (s.format, h.host) not in (from own select (format, host))
            and h.host in (from checkins select host)
    )
from stopped
union all by name
from missing
order by since, what
