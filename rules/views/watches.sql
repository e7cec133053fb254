-- title: When each host's check-ins would have been seen
-- once:  yes
--
-- A central log that has ever told of a host would have told of its next check-in too, for as
-- long as that log was collected. Fleet's snapshot says when it last saw a host, so between that
-- and the snapshot nothing came.
--
select distinct c.host, v.since, v.until
from (select distinct host, "table" from contacts) as c
join covered as v on v.format = c."table" and v.covers = 'fleet' and v.format <> 'fleet_hosts'
union all
select host, seen_time as since, ts as until
from fleet_hosts
where seen_time is not null and ts < getvariable('until')
