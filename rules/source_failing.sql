-- title:    Source failing
-- severity: medium
-- explains: collection-gap
-- every:    5 minutes
-- window:   24 hours
-- key:      source
-- alert:    {what}
-- together: source {source} {trouble} {when}
--
-- A source of lastseen.toml has not been pulled without trouble since longer than the policy's
-- `collection_after` past the moment when it was due, so nothing newer is known of what it
-- brings: no host is called silent for it, and no log that it brings is told of as missing. One
-- attempt that failed is harmless where the next one succeeds, and so are hosts that could not be
-- reached, for they may be asleep. A source that was never pulled is shown by `lastseen status`.
-- Look first at the reason, then at `lastseen status`; where no pull was even tried, at whatever
-- runs lastseen.
--
select
    cast(null as varchar) as host,
    coalesce(s.failing_since, s.due) as since,
    getvariable('until') as until,
    s.source,
    s.kind,
    if(s.failing_since is null, 'has not been pulled', 'has been failing') as trouble,
    coalesce(s.problem, 'none was tried since it was due') as reason,
    s.last_good,
    s.last_run,
    'source '
    || s.source
    || ' '
    || trouble
    || ' since '
    || strftime(coalesce(s.failing_since, s.due), '%Y-%m-%d %H:%M UTC')
    || ': '
    || reason as what
from source_states as s
join policy as p on p.scope = 'all'
where getvariable('until') - coalesce(s.due, s.failing_since) > p.collection_after
order by since, source
