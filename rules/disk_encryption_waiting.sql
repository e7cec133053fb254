-- title:    Unconfirmed disk encryption
-- severity: low
-- explains: verification-stalled
-- strength: weak
-- every:    1 hour
-- window:   24 hours
-- alert:    {host}: disk encryption is {status} for {age}; {allowed} is normal while online
-- together: {hosts} {have} had disk encryption unconfirmed {when}
-- rows:     mdm_states (host)
--
-- The key of a Mac's encryption goes its own way: osquery fetches it, and a job of Fleet
-- decrypts it once an hour, so for two hours nothing is wrong. "Action required" is the user's
-- turn (log out, enter the password) and may last for days: it is not here. Look first whether
-- the details of the host come at all, then at its own log for `FVEscrow`.
--
select
    m.host,
    m.encryption_since as since,
    m.until,
    m.encryption as status,
    m.until - m.encryption_since as age,
    h.verifying_after as allowed,
    m.encryption_detail as detail
from mdm_states as m
join hosts as h on h.host = m.host and h.platform = 'darwin'
join online as o on o.host = m.host and o.last_checkin >= m.until - o.allowed_silence
where
    lower(m.encryption) in ('verifying', 'enforcing', 'removing_enforcement')
    and m.until - greatest(m.encryption_since, o.since) > h.verifying_after
    and m.until >= getvariable('since')
order by since, m.host
