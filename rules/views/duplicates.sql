-- title: Hosts that share what should be one host's own
-- once:  yes
--
-- A row for each host and what it shares: `kind` is uuid or serial (with `others`, at the same
-- time), hostname (other machines have it too, so the logs that know hosts by it cannot be
-- resolved), rows (Fleet has several rows of this one host at the same time) or by turns (one row
-- of Fleet's is several machines, which take it from each other). Nothing of it is merged.
-- Placeholders that makers leave in place of a serial are not here. `ongoing` is false where the
-- newest snapshots show it no more.
--
with
    claims as materialized(
        select host, alias, kind, since, until from alias_claims where kind in ('uuid', 'serial')
    ),
    named as materialized(from host_names),
    newest as (select max(until) as ts from named),
    found as (
        select
            one.host,
            one.kind,
            one.alias as name,
            list_sort(list(distinct other.host)) as others,
            min(greatest(one.since, other.since)) as since,
            max(least(one.until, other.until)) as until
        from claims as one
        join
            claims as other
            on other.alias = one.alias
            and other.host <> one.host
            and other.since <= one.until
            and one.since <= other.until
        where
            one.alias not in (
                '0',
                '-1',
                '-',
                'none',
                'n/a',
                'not specified',
                'not available',
                'default string',
                'system serial number',
                'to be filled by o.e.m.',
                'unknown',
                '0123456789'
            )
        group by one.host, one.kind, one.alias
        union all
        select
            one.host,
            'hostname',
            one.name,
            list_sort(list(distinct other.host)),
            min(greatest(one.since, other.since)),
            max(least(one.until, other.until))
        from named as one
        join
            named as other
            on lower(other.name) = lower(one.name)
            and other.host <> one.host
            and other.since <= one.until
            and one.since <= other.until
        where not one.flips and not other.flips
        group by one.host, one.name
        union all
        select
            one.host,
            'rows',
            'rows ' || array_to_string(list_sort(list(distinct one.key)), ' and '),
            [],
            min(greatest(one.since, other.since)),
            max(least(one.until, other.until))
        from named as one
        join
            named as other
            on other.host = one.host
            and other.key <> one.key
            and other.since <= one.until
            and one.since <= other.until
        group by one.host
        union all
        select
            one.host,
            'by turns',
            'row ' || one.key,
            list_sort(list(distinct other.host)),
            min(least(one.since, other.since)),
            max(greatest(one.until, other.until))
        from named as one
        join named as other on other.key = one.key and other.host <> one.host
        where one.flips
        group by one.host, one.key
    )
select f.*, f.until >= n.ts - p.collection_after as ongoing
from found as f
cross join newest as n
join policy as p on p.scope = 'all'
