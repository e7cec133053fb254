-- title:    Failing sync with Apple's enrollment
-- severity: medium
-- explains: enrollment-pending
-- strength: fair
-- every:    1 hour
-- window:   24 hours
-- alert:    Fleet cannot sync enrollment with Apple: {first_message} ({times})
-- together: Fleet's sync with Apple's enrollment has failed {when}
-- rows:     mdm_events (kind)
--
-- Fleet asks Apple every half a minute which Macs are assigned to it, and tells Apple which
-- enrollment profile each of them gets. While that fails, new Macs are not known or start
-- without MDM; those that are enrolled notice nothing. One failure is the network's and mended
-- by the next try, unless Apple refuses the profile itself (FLAGS_INVALID), which no try will
-- change. Look first at the message, then at the token and the terms in Apple Business
-- Manager.
--
with
    failures as (
        select *, contains(message, 'FLAGS_INVALID') as refused
        from mdm_events
        where kind = 'sync failed' and ts >= getvariable('since')
    )
select
    cast(null as varchar) as host,
    min(ts) as since,
    max(ts) as until,
    'sync failed' as kind,
    count(*) as events,
    if(count(*) = 1, 'once', count(*) || ' times') as times,
    arg_min(message, (ts, line)) as first_message
from failures
having count(*) > 2 or bool_or(refused)
