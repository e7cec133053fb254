-- title:    Shared identity
-- severity: medium
-- every:    1 hour
-- window:   24 hours
-- alert:    {host} {told}
-- together: {hosts} {have} an identity that another host has too {when}
-- rows:     duplicates (host)
--
-- Fleet knows a host by its hardware UUID and a Mac by its serial. Two that share one take each
-- other's row, node key and profiles, and what a log says of that name cannot be laid at either:
-- lastseen leaves it unresolved. Mostly they are virtual machines made from one image; two rows of
-- one host are what an enrollment left behind. The same hostname or computer name is harmless to
-- Fleet and is only in `duplicates`, and so is a serial that went to another row once the first
-- was deleted. Look first at whether both are still in use: delete the stale row, or give the
-- clone a UUID of its own.
--
with
    told as (
        select
            host,
            since,
            until,
            kind,
            name,
            others,
            case
                kind
                when 'rows'
                then 'has several rows in Fleet: ' || name
                when 'by turns'
                then
                    'and '
                    || array_to_string(others, ', ')
                    || ' are by turns '
                    || name
                    || ' of Fleet'
                else
                    'shares its '
                    || kind
                    || ' with '
                    || array_to_string(others[:3], ', ')
                    || if(len(others) > 3, ' and ' || (len(others) - 3) || ' more', '')
            end as told,
            list_position(['by turns', 'uuid', 'serial', 'rows'], kind) as rank
        from duplicates
        where kind <> 'hostname' and ongoing and until >= getvariable('since')
    )
select
    host,
    min(since) as since,
    max(until) as until,
    list(kind order by rank) as kinds,
    list(name order by rank, name) as shared,
    list_sort(list_distinct(flatten(list(others)))) as others,
    arg_min(told, (rank, name)) as told
from told
group by host
order by since, host
