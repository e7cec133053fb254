-- title: Who checked in at all, through which channel, by which log
-- once:  yes
--
-- A row per host, channel and log (`beat` as in `checkins`): the first and the last check-in of
-- all that is collected. Who asks only whether or when reads this, not millions of check-ins.
--
select
    host,
    channel,
    "table",
    emitter,
    beat,
    min(ts) as first_ts,
    max(ts) as last_ts,
    count(*) as checkins
from checkins
group by host, channel, "table", emitter, beat
