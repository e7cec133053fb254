-- title:    Identity certificate expired
-- severity: high
-- explains: identity-certificate
-- every:    1 hour
-- window:   24 hours
-- alert:    the identity certificate of {host} ended {age} ago: it cannot answer Fleet over MDM
-- together: the identity certificate of {hosts} has ended
-- rows:     certificates (host, kind)
--
-- A Mac proves to Fleet who it is with a certificate that lasts a year and that Fleet renews long
-- before its end. Once it has ended no profile and no command gets through, while osquery goes on
-- as if nothing were wrong; the renewal itself would need the certificate. Enroll the Mac anew.
-- A Mac that was renewed may keep its old one beside the new: the one that ends last counts. It
-- is known only where osquery is asked for `not_valid_after` in `certificates`.
--
select
    c.host,
    c.not_after as since,
    greatest(c.until, c.not_after) as until,
    c.kind,
    c.name,
    getvariable('until') - c.not_after as age,
    h.os_version,
    h.last_mdm_checked_in_at
from certificates as c
join hosts as h on h.host = c.host
where
    c.kind = 'identity'
    and c.not_after <= getvariable('until')
    and coalesce(h.last_mdm_checked_in_at <= c.not_after, true)
order by since, c.host
