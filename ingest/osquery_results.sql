-- title:  osquery results and snapshots
-- files:  osqueryd.results*, osqueryd.snapshots*, osquery*result*, osquery*snapshot*
-- sniff:  ^\{.*("action": ?"(added|removed|snapshot)"|"diffResults": ?\{|"log_type": ?"result")
-- covers: host
-- skip:   ^##|^\s*$|"data": ?\[\]
--
-- What scheduled queries found, one JSON object a line: events (`action`, `columns`), batches
-- (`diffResults`), snapshots, and the posted body around them (`log_type`, `data`). A row is one
-- row that a query gave, and its action: so osquery itself writes them with --logger_event_type
-- and --logger_snapshot_event_type, and all forms read alike. An empty snapshot is one row
-- without `columns`, for that the query ran and found nothing is a sign of life too. Traps: older
-- osquery writes unixTime, epoch and counter as text; decorations are nested or at top level. It
-- covers `host`, because each of several Fleet servers writes but its share of the lines.
--
with
    entries as (
        select
            file,
            emitter,
            line,
            unnest(
                coalesce(
                    case
                        when contains(text, '"log_type"')
                        then nullif(try(from_json(text, '{"data":["VARCHAR"]}').data), [])
                    end,
                    [text]
                )
            ) as entry
        from records
    ),
    parsed as (
        select
            *,
            try(
                from_json(
                    entry,
                    '{"name":"VARCHAR","hostIdentifier":"VARCHAR","hostname":"VARCHAR","calendarTime":"VARCHAR",
                    "unixTime":"VARCHAR","epoch":"BIGINT","counter":"BIGINT","numerics":"BOOLEAN",
                    "action":"VARCHAR","columns":"VARCHAR","snapshot":["VARCHAR"],
                    "diffResults":{"added":["VARCHAR"],"removed":["VARCHAR"]},
                    "decorations":"VARCHAR","host_uuid":"VARCHAR"}'
                )
            ) as told
        from entries
    ),
    found as (
        select
            *,
            unnest(
                case
                    when len(told.snapshot) > 0
                    then list_transform(told.snapshot, lambda c: {'action':'snapshot', 'columns':c})
                    when len(told.diffresults.added) > 0 or len(told.diffresults.removed) > 0
                    then
                        list_concat(
                            list_transform(
                                told.diffresults.added, lambda c: {'action':'added', 'columns':c}
                            ),
                            list_transform(
                                told.diffresults.removed,
                                lambda c: {'action':'removed', 'columns':c}
                            )
                        )
                    else [{'action':told.action, 'columns':told.columns}]
                end
            ) as result
        from parsed
    )
select
    case
        when told.name is not null then unix_or_calendar_time(told.unixtime, told.calendartime)
    end as ts,
    coalesce(nullif(told.hostidentifier, ''), told.hostname) as host,
    coalesce(nullif(told.hostidentifier, ''), told.hostname, emitter) as emitter,
    null::varchar as level,
    'osqueryd' as process,
    concat_ws(' ', told.name, result.action) as message,
    file,
    line,
    told.name as name,
    result.action as action,
    result.columns as columns,
    told.epoch as epoch,
    told.counter as counter,
    told.numerics as numerics,
    coalesce(
        told.host_uuid, try(json_extract_string(told.decorations, '$.host_uuid'))
    ) as host_uuid,
    coalesce(told.hostname, try(json_extract_string(told.decorations, '$.hostname'))) as hostname,
    coalesce(
        told.decorations,
        case
            when told.name is not null
            then
                nullif(
                    json_merge_patch(
                        entry,
                        '{"name":null,"hostIdentifier":null,"hostname":null,"calendarTime":null,
                        "unixTime":null,"epoch":null,"counter":null,"numerics":null,"action":null,
                        "columns":null,"snapshot":null,"diffResults":null}'
                    )::varchar,
                    '{}'
                )
        end
    ) as decorations,
    case
        when not starts_with(entry, '{')
        then 'it is no JSON object'
        when told is null
        then 'its JSON is broken, so none of its values can be trusted'
        when told.name is null
        then 'it has no `name`: no result of a query'
        when ts is null
        then 'it says no time that can be read in `unixTime` or `calendarTime`'
    end as reject
from found
