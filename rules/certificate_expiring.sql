-- title:    Certificate that ends within a month
-- severity: medium
-- every:    1 day
-- window:   24 hours
-- alert:    {what} {ends}
-- together: {what} {ends}
-- rows:     certificates (kind, name)
--
-- Nothing is broken yet, so this explains nothing: it says how many days are left. A push
-- certificate is renewed by a person with the Apple account that it was made with; a Mac's
-- identity by Fleet, long before: one with so little left is not being renewed; a server's by
-- whoever runs it. From `certificate_notice` on it is here, from `certificate_urgent` on it is
-- `certificate_expiring_soon`. One that was renewed has a later end and is not here.
--
select
    c.host,
    greatest(c.since, c.not_after - p.certificate_notice) as since,
    c.until,
    c.kind,
    c.name,
    c.not_after,
    date_diff('day', getvariable('until'), c.not_after) as days,
    case
        c.kind
        when 'push'
        then 'Fleet''s push certificate'
        when 'server'
        then 'the certificate of ' || c.name
        else 'the identity certificate of ' || c.host
    end as what,
    'ends in ' || days || ' days, on ' || strftime(c.not_after, '%Y-%m-%d') as ends
from certificates as c
join policy as p on p.scope = 'all'
left join hosts as h on h.host = c.host
where
    c.not_after > getvariable('until') + p.certificate_urgent
    and c.not_after <= getvariable('until') + p.certificate_notice
    and (c.kind <> 'identity' or h.host is not null)
order by c.not_after, c.kind, c.host
