-- title: Since when each host has been online
-- once:  yes
--
-- `since` is when it came back from the last gap or sleep that is known of (NULL: none is
-- known), `last_checkin` when Fleet or a proxy last heard of it; its own log is no proof that
-- it reached anyone. It was online at a moment if that is not later than `last_checkin` by
-- more than `allowed_silence`. Phones and tablets have no heartbeat and are not here.
--
with
    heard as (
        select host, max(last_ts) as last_checkin
        from contacts
        where channel <> 'own log'
        group by host
    ),
    returns as (
        select host, max(back) as back
        from gaps
        where state in ('gap', 'asleep') and back < getvariable('until')
        group by host
    )
select
    h.host,
    r.back as since,
    c.last_checkin,
    h.heartbeat_period + h.heartbeat_grace as allowed_silence
from hosts as h
join heard as c on c.host = h.host
left join returns as r on r.host = h.host
where h.heartbeat_period + h.heartbeat_grace is not null
