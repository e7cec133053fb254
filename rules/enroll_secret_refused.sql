-- title:    Refused enrollment
-- severity: high
-- explains: host-offline
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} may not enroll: {events} times refused, from {since} to {until}
-- together: {hosts} {have} been refused at enrollment {when}
-- rows:     agent_errors (host, kind)
--
-- The agent reaches Fleet and is sent away: its enroll secret was rotated, or belongs to another
-- server. It tries for ever and is never seen. A refusal that the next try overcomes is harmless,
-- and a certificate that is refused is `certificate_refused`'s. Look first at the secret in the
-- package that was installed.
--
with
    refusals as (
        select host, ts, message
        from agent_errors
        where kind = 'enroll refused'
        union all
        select host, ts, message
        from fleet_complaints
        where kind = 'enroll secret refused'
    ),
    seen as (
        select host, max(last_ts) as last_ts
        from contacts
        where channel = 'seen' or beat
        group by host
    )
select
    r.host,
    min(r.ts) as since,
    max(r.ts) as until,
    'enroll refused' as kind,
    count(*) as events,
    arg_max(r.message, r.ts) as last_message
from refusals as r
join policy as p on p.scope = 'all'
left join seen as s on s.host = r.host
where s.last_ts is null or r.ts > s.last_ts
group by r.host
having count(*) >= 3 and max(r.ts) - min(r.ts) > any_value(p.network_after)
order by since, r.host
