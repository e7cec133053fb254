-- title: What osqueryd and orbit asked of Fleet, five minutes at a time
-- once:  yes
--
-- A row per host, `kind` of request (distributed/read, distributed/write, config, log, enroll,
-- and orbit's as orbit/…) and five minutes, of a window only: how many there were, how many
-- Fleet would not serve (`refused`: 401) and how many it could not (`failed`: 500 and above).
-- Fleet's own log does not tell a request's status, so its requests are all well here.
--
select
    host,
    regexp_extract(endpoint, '/(?:osquery|fleet)/((?:orbit/)?.+)$', 1) as kind,
    "table",
    time_bucket(interval 5 minutes, ts) as bucket,
    min(ts) as since,
    max(ts) as until,
    count(*) as requests,
    count(*) filter (where status = 401) as refused,
    count(*) filter (where status >= 500) as failed,
    count(*)
    || ' requests for '
    || kind
    || if(refused > 0, ', ' || refused || ' refused', '')
    || if(failed > 0, ', ' || failed || ' failed', '') as message
from requests
where
    ts >= getvariable('since')
    and host is not null
    and (contains(endpoint, '/osquery/') or contains(endpoint, '/fleet/orbit/'))
group by host, kind, "table", bucket
