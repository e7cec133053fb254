-- title:    Unnoticed enrollment
-- severity: medium
-- explains: enrollment-pending
-- needs:    fleet_hosts
-- every:    1 hour
-- window:   24 hours
-- alert:    {host} has reported for {age}, and Fleet still calls its enrollment Pending
-- together: {hosts} {have} reported though not enrolled {when}
-- rows:     mdm_states (host)
--
-- osquery brings its details, so the Mac is in use, and Fleet still calls its enrollment
-- Pending: no profile can reach it. Within a day of the first report that is normal, for the
-- sync with Apple has its own time. Look first whether the Mac has an enrollment profile
-- (`profiles status -type enrollment`): with one, Fleet's sync with Apple is behind; without
-- one, the Mac was set up without the network or restored from another one.
--
with
    judged as (
        select
            m.host,
            greatest(
                coalesce(if(m.before is null, m.created_at, null), m.since), h.last_enrolled_at
            ) as since,
            m.until,
            h.detail_updated_at,
            h.seen_time,
            h.orbit_version,
            h.enrollment_after,
            o.last_checkin,
            o.allowed_silence
        from mdm_states as m
        join hosts as h on h.host = m.host
        join online as o on o.host = m.host
        where m.standing = 'pending' and h.detail_updated_at is not null
    )
select *, until - since as age
from judged
where
    until - since > enrollment_after
    and detail_updated_at > since
    and last_checkin >= until - allowed_silence
    and until >= getvariable('since')
order by since, host
