-- title:    Online and offline by turns
-- severity: medium
-- explains: osquery-stalled
-- strength: fair
-- every:    5 minutes
-- window:   24 hours
-- alert:    {host} turned from online to offline or back {turns} times from {since} to {until}
-- together: {hosts} {have} been online and offline by turns {when}
-- rows:     fleet_hosts (host)
--
-- A host whose osquery asks for work every ten seconds does not come and go every few minutes:
-- where it does, its requests for queries hang, often while its logs arrive as ever. Six turns
-- within half an hour are told of, which takes a list of hosts every few minutes to be seen; a
-- lid that is opened and shut some times is fewer. Look first whether its labels are fresh, then
-- at its network.
--
with
    listed as (
        select
            coalesce(a.host, f.host) as host,
            f.ts,
            f.status,
            f.label_updated_at,
            f.status is distinct from lag(f.status) over (
                partition by coalesce(a.host, f.host) order by f.ts
            ) as turned,
            f.ts - lag(f.ts) over (partition by coalesce(a.host, f.host) order by f.ts)
            <= interval 10 minutes as near
        from fleet_hosts as f
        left join aliases as a on a.alias = lower(f.host)
        where
            f.ts >= getvariable('since')
            and f.ts < getvariable('until')
            and f.status in ('online', 'offline')
    ),
    turns as (
        select *, lag(ts, 5) over (partition by host order by ts) as sixth
        from listed
        where turned and near
    )
select
    host,
    min(sixth) as since,
    max(ts) as until,
    count(*) + 5 as turns,
    max(label_updated_at) as label_updated_at
from turns
where ts - sixth <= interval 30 minutes
group by host
order by since, host
