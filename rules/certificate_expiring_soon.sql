-- title:    Certificate that ends within a week
-- severity: high
-- every:    1 day
-- window:   24 hours
-- alert:    {what} {ends}
-- together: {what} {ends}
-- rows:     certificates (kind, name)
--
-- Nothing is broken yet, so this explains nothing: it says how many days are left, or that it has
-- ended and nobody noticed. Pushes that fail and profiles that wait are another rule's, as is a
-- Mac whose identity has ended. A certificate that was renewed has a later end and is not here.
-- Renew a push certificate under the same Apple account, then restart Fleet.
--
select
    c.host,
    greatest(c.since, c.not_after - p.certificate_urgent) as since,
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
    case
        when c.not_after <= getvariable('until')
        then 'has ended on ' || strftime(c.not_after, '%Y-%m-%d at %H:%M UTC')
        else
            'ends '
            || if(days = 0, 'today', 'in ' || days || if(days = 1, ' day', ' days'))
            || ', on '
            || strftime(c.not_after, '%Y-%m-%d at %H:%M UTC')
    end as ends
from certificates as c
join policy as p on p.scope = 'all'
left join hosts as h on h.host = c.host
where
    c.not_after <= getvariable('until') + p.certificate_urgent
    and (c.kind <> 'identity' or h.host is not null and c.not_after > getvariable('until'))
    and not (
        c.kind = 'push'
        and (
            exists (from certificate_errors as e where e.purpose = 'push' and e.ts >= c.not_after)
            or exists (
                from pending as w
                join hosts as o on o.host = w.host
                where
                    w.status = 'pending'
                    and w.until > c.not_after
                    and w.until - greatest(w.since, c.not_after) > o.pending_after
            )
        )
    )
order by c.not_after, c.kind, c.host
