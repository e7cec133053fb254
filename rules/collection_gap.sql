-- title:    Collection gap
-- severity: medium
-- explains: collection-gap
-- every:    1 hour
-- window:   24 hours
-- alert:    {what}
-- together: no {format} from {hosts} {when}
-- rows:     covered
-- key:      format
--
-- A log that had brought something every hour brings nothing any more, or the log of one host is
-- missing where most hosts like it have theirs. Until it is back, nothing can be said of what it
-- would have told: not that all is well, and not that a host is silent. A log that is only
-- written to when something happens is not judged, nor the own log of a host that is silent or
-- asleep itself. A log that a source brings is judged up to the source's last good pull: it is
-- not late before the source is due, and where the source fails, `source_failing` says so and why.
-- A central log that is gone is told of for the week that rules look back; a host's own log for
-- a window, since hosts are retired. Look first at whoever collects it, then at the disk and the
-- clock of the machine.
--
with
    asked as (
        select l.format, l.emitter, max(s.last_good) as until
        from logs as l
        join
            source_states as s
            on list_contains(s.formats, l.format)
            and (s.host is null or s.host = l.emitter)
        group by l.format, l.emitter
    ),
    stopped as (
        select
            if(covers = 'host', l.emitter, null) as host,
            l.until as since,
            getvariable('until') as until,
            l.format,
            l.emitter,
            'nothing collected of '
            || l.format
            || coalesce(' from ' || l.emitter, '')
            || ' since '
            || strftime(l.until, '%Y-%m-%d %H:%M UTC') as what
        from logs as l
        join policy as p on p.scope = 'all'
        left join asked as a on a.format = l.format and a.emitter is not distinct from l.emitter
        where
            coalesce(a.until, getvariable('until')) - l.until > p.collection_after
            and (l.until >= getvariable('since') or l.covers = 'fleet')
            and l.steady
            and (
                l.covers <> 'host'
                or l.emitter not in (
                    select host
                    from silences
                    where state in ('silent', 'asleep', 'off') and back is null
                )
            )
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
