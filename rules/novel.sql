-- title:    New kind of message
-- severity: low
-- every:    1 hour
-- window:   14 days
-- alert:    {process} ({table}) says what it had not said in 14 days: {first_message}{more}
-- together: new kinds of errors in {table}
-- rows:     message_shapes (table, process)
--
-- A warning or an error of a kind that its log did not have in the fourteen days before the last
-- one. After an upgrade that is expected, and many at once; on a day when nothing was changed it
-- is often the first sign of a trouble that no rule knows yet. Nothing is said of a log of which
-- less than a week is there: all would be new. Look first at what was changed, then at the rows.
--
with
    logs_known as (select format as "table", min(since) as since from coverage group by format),
    sources as (
        select
            s."table",
            s.process,
            list(s.shape order by s.first_ts, s.shape) as shapes,
            message_templates(shapes) as templates
        from message_shapes as s
        join logs_known as k on k."table" = s."table"
        where k.since <= getvariable('until') - interval 8 days
        group by s."table", s.process
    ),
    pairs as (
        select "table", process, unnest(shapes) as shape, unnest(templates) as template from sources
    ),
    templates as (
        select
            p."table",
            p.process,
            p.template,
            min(s.first_ts) as first_ts,
            max(s.last_ts) as last_ts,
            cast(sum(s.events) as bigint) as events,
            max(s.hosts) as hosts,
            arg_min(s.message, s.first_ts) as message
        from pairs as p
        join
            message_shapes as s
            on s."table" = p."table"
            and s.process is not distinct from p.process
            and s.shape = p.shape
        group by p."table", p.process, p.template
    )
select
    cast(null as varchar) as host,
    min(first_ts) as since,
    max(last_ts) as until,
    "table",
    coalesce(process, "table") as process,
    count(*) as kinds,
    cast(sum(events) as bigint) as events,
    max(hosts) as hosts,
    left(arg_min(message, first_ts), 160) as first_message,
    if(count(*) = 1, '', ' (and ' || (count(*) - 1) || ' more kinds)') as more,
    list(template order by first_ts)[:10] as templates
from templates
where first_ts >= getvariable('until') - interval 24 hours
group by "table", process
order by since, "table", process
