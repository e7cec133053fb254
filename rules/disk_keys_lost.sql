-- title:    Disk encryption keys gone on all hosts
-- severity: critical
-- explains: server-error
-- strength: weak
-- needs:    fleet_hosts
-- every:    5 minutes
-- window:   24 hours
-- alert:    disk encryption turned to "action required" on {changed} of {hosts} Macs at once:
-- Fleet has lost their keys
-- together: {changed} of {hosts} Macs need their disk encryption keys again {when}
-- rows:     mdm_states
--
-- Where MDM is turned off and on again, even by accident, Fleet deletes the encryption keys that it
-- held, and every Mac must hand over a new one: each needs its user. One Mac after another that
-- says so is normal, as is a new setting that is rolled out to Macs without encryption; here most
-- of
-- those that were verified changed between two snapshots. Look first at Fleet's activities for who
-- turned MDM off, and restore the keys from a backup of the database before it is overwritten.
--
with
    macs as (
        select m.*, h.pending_after
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
    ),
    moments as (
        select time_bucket(pending_after, encryption_since) as moment, count(*) as changed
        from changes
        group by moment
    )
select
    cast(null as varchar) as host,
    min(c.encryption_since) as since,
    max(c.until) as until,
    count(*) as changed,
    (select count(*) from macs) as hosts
from changes as c
having count(*) > 3 and count(*) * 5 > (select count(*) from macs) * 4
