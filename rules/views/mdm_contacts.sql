-- title: When each host last spoke to Fleet by MDM
-- once:  yes
--
-- `last_ts` is the last contact that a log or Fleet's snapshot tells of, or that the Mac's own
-- log has an answer of. `known_until` is how far that is known: a later one would have been
-- seen.
--
with
    told as (
        select c.host, c.last_ts, w.until
        from contacts as c
        left join
            (select host, "table", max(until) as until from watches group by all) as w
            on w.host = c.host
            and w."table" = c."table"
        where c.channel = 'mdm' and c."table" <> 'fleet_hosts'
        union all
        select host, last_mdm_checked_in_at, snapshot_at
        from hosts
        where last_mdm_checked_in_at is not null
        union all
        select host, max(ts), null
        from mdm_events
        where
            host is not null
            and kind
            in ('received', 'acknowledged', 'not now', 'error', 'format error', 'declarative')
        group by host
    )
select host, max(last_ts) as last_ts, max(until) as known_until
from told
group by host
