-- title:    Certificate server overrun
-- severity: medium
-- explains: request-storm
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what}
-- together: {refused} hosts asked a certificate server too fast {when}
-- rows:     profile_states
--
-- A profile with a certificate goes to many hosts at once, and the server that issues them
-- answers "429 Too Many Requests" to all but the first. They stay failed until it is sent to them
-- again, and all at once has the same end. `batch` is half of what the server took in that hour,
-- or ten where it took none: resend to so many, wait until they are verified, go on. Fewer than
-- five hosts in an hour are no rollout.
--
with
    refusals as (
        select host, profile, since as ts, detail
        from profile_states
        where since >= getvariable('since') and regexp_matches(detail, '\b429\b|Too Many Requests')
        union all
        select host, null, ts, message
        from certificate_errors
        where
            purpose = 'identity'
            and reason = 'too many requests'
            and host is not null
            and ts >= getvariable('since')
    ),
    crowded as (
        select
            *,
            count(distinct host) over (
                order by ts range between interval 1 hour preceding and interval 1 hour following
            ) as hosts_then
        from refusals
    ),
    rollout as (
        select
            min(ts) as since,
            max(ts) as until,
            count(distinct host) as hosts,
            list_sort(list(distinct profile) filter (where profile is not null)) as names,
            arg_min(detail, ts) as first_detail
        from crowded
        where hosts_then >= 5
        having count(*) > 0
    ),
    served as (
        select count(distinct p.host) as served
        from rollout as r
        join
            profile_states as p
            on list_contains(r.names, p.profile)
            and p.status in ('verifying', 'verified')
            and p.since between r.since - interval 1 hour and r.until + interval 1 hour
    )
select
    null as host,
    r.since,
    r.until,
    r.hosts as refused,
    s.served,
    if(s.served = 0, 10, greatest(1, cast(floor(s.served / 2) as bigint))) as batch,
    coalesce(nullif(array_to_string(r.names, ', '), ''), 'it') as profiles,
    r.hosts
    || ' hosts were refused a certificate with 429 at once, '
    || s.served
    || ' got one: send '
    || profiles
    || ' in batches of '
    || batch as what,
    r.first_detail
from rollout as r
cross join served as s
