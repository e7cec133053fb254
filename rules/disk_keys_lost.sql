-- title:    Loss of all disk encryption keys
-- severity: high
-- explains: server-error
-- strength: weak
-- every:    5 minutes
-- window:   24 hours
-- alert:    the disk encryption keys of {changed} of {hosts} Macs are gone, all at once
-- together: {changed} of {hosts} Macs need their disk encryption keys again {when}
-- rows:     mdm_states
--
-- Where MDM is turned off and on again, even by accident, Fleet deletes the encryption keys
-- that it held, and every Mac must hand over a new one: each needs its user. One Mac after
-- another that says so is normal, as is a new setting that is rolled out to Macs without
-- encryption; here most of those that were verified changed between two snapshots. Look first
-- at Fleet's activities for who turned MDM off, and restore the keys from a backup of the
-- database before it is overwritten.
--
with
    macs as (
        select m.*
        from mdm_states as m
        join hosts as h on h.host = m.host and h.platform = 'darwin'
        where m.encryption is not null
    ),
    changes as (
        select *
        from macs
        where
            lower(encryption) = 'action_required'
            and lower(encryption_before) = 'verified'
            and encryption_since >= getvariable('since')
    )
select
    cast(null as varchar) as host,
    min(c.encryption_since) as since,
    max(c.until) as until,
    count(*) as changed,
    (select count(*) from macs) as hosts
from changes as c
join policy as p on p.scope = 'all'
having
    -- most of the fleet, and between two snapshots rather than one after another
    count(*) > 3
    and count(*) * 5 > (select count(*) from macs) * 4
    and max(c.encryption_since) - min(c.encryption_since) <= any_value(p.pending_after)
