-- title:    Dead push token
-- severity: medium
-- explains: mdm-channel
-- every:    5 minutes
-- window:   24 hours
-- alert:    Apple no longer knows {host}'s push token ({times}, last at {until}), and Fleet {still}
-- together: {hosts} {have} a push token that Apple no longer knows {when}
-- rows:     certificate_errors (host, purpose)
--
-- Apple answers a push with "Unregistered" when that Mac no longer has the topic: it was erased,
-- or its MDM profile was removed without a word to Fleet. No push will ever reach it. It is that
-- host's trouble, not the certificate's. Newer Fleet turns MDM off for such a host by itself: one
-- that is Off by then, or that has checked in over MDM since, which brings a new token, is not
-- here. What is left shows "On" and must be enrolled anew.
--
with
    dead as (
        select
            host,
            min(ts) as since,
            max(ts) as until,
            count(*) as events,
            arg_min(message, ts) as first_message
        from certificate_errors
        where
            purpose = 'push'
            and reason = 'dead token'
            and host is not null
            and ts >= getvariable('since')
        group by host
    )
select
    d.host,
    d.since,
    d.until,
    'push' as purpose,
    if(d.events = 1, 'once', d.events || ' times') as times,
    d.events,
    h.mdm_enrollment_status,
    h.last_mdm_checked_in_at,
    if(
        h.snapshot_at > d.until,
        'still shows MDM ' || h.mdm_enrollment_status,
        'has not been asked since whether it turned MDM off'
    ) as still,
    d.first_message
from dead as d
left join hosts as h on h.host = d.host
where
    not coalesce(
        h.snapshot_at > d.until
        and (not starts_with(h.mdm_enrollment_status, 'On') or h.mdm_enrollment_status is null),
        false
    )
    and coalesce(h.last_mdm_checked_in_at <= d.until, true)
order by d.since, d.host
