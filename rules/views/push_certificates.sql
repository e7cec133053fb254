-- title: Each push certificate that Fleet has had, one after the other
-- once:  yes
--
-- As its API showed them. A certificate took over after `not_before`, the last snapshot that
-- still showed the one before it (NULL: it was there in the first), and at the latest at `since`.
-- Its `topic` is its common name: Macs are enrolled for that topic, and a renewal keeps it.
-- `former_topic` is that of the certificate before.
--
with
    snapshots as (
        select
            ts,
            serial_number,
            common_name as topic,
            not_after,
            file,
            line,
            lag(ts) over (order by ts) as before,
            lag(serial_number) over (order by ts) as former_serial,
            lag(common_name) over (order by ts) as former_topic,
            lag(not_after) over (order by ts) as former_not_after
        from fleet_apns
        where ts < getvariable('until')
    ),
    changes as (
        select
            *,
            before is null
            or serial_number is distinct from former_serial
            or topic is distinct from former_topic
            or not_after is distinct from former_not_after as fresh
        from snapshots
    ),
    numbered as (select *, count(*) filter (where fresh) over (order by ts) as number from changes)
select
    number,
    number = max(number) over () as current,
    arg_min(topic, ts) as topic,
    arg_min(serial_number, ts) as serial_number,
    arg_min(not_after, ts) as not_after,
    min(ts) as since,
    min(before) filter (where fresh) as not_before,
    max(ts) as until,
    min(former_topic) filter (where fresh) as former_topic,
    min(former_not_after) filter (where fresh) as former_not_after,
    arg_max(file, ts) as file,
    arg_max(line, ts) as line
from numbered
group by number
