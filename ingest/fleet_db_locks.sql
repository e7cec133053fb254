-- title:  Lock waits in Fleet's database, as Fleet tells them
-- files:  fleet_db_locks*, db_locks*.json, db-locks*
-- sniff:  \{\s*"(waiting|blocking)_(trx_id|thread)":
-- covers: fleet
-- record: ^[^\s}\]]
-- skip:   ^##|^\{[\s\S]*"body":\s*(\[\s*\]|null)\s*\}\s*$|^\s*(\[\s*\]|null)\s*$
--
-- `GET /debug/db/locks` (what `fleetctl debug db-locks` saves), as a snapshot line or bare; each
-- transaction that waited for another at that moment is a row. A snapshot without any is no row. A
-- wait is over in milliseconds as a rule and in 50 seconds at most, so one that a snapshot catches
-- is either long or one of many. The queries are Fleet's, their values taken out or not, by
-- version. `waiting_thread` and `blocking_thread` are MySQL's connection ids.
--
with
    pages as (
        select
            *,
            try(
                from_json(
                    if(starts_with(text, '['), '{"body":' || text || '}', text),
                    '{"pulled_at":"VARCHAR","request":"VARCHAR","body":[{"waiting_trx_id":"VARCHAR",'
                    || '"waiting_thread":"BIGINT","waiting_query":"VARCHAR","blocking_trx_id":"VARCHAR",'
                    || '"blocking_thread":"BIGINT","blocking_query":"VARCHAR"}]}'
                )
            ) as page
        from records
    ),
    waits as (
        select
            file,
            line,
            emitter,
            snapshot_time(page.pulled_at) as pulled_at,
            page.request as request,
            unnest(list_filter(page.body, lambda one:one is not null)) as w
        from pages
    )
select
    pulled_at as ts,
    null as host,
    emitter,
    'warn' as level,
    'mysql' as process,
    concat(
        coalesce(nullif(w.waiting_query, ''), 'a transaction'),
        ' waits for ',
        coalesce(nullif(w.blocking_query, ''), 'one that runs no query')
    ) as message,
    file,
    line,
    nullif(w.waiting_trx_id, '') as waiting_trx_id,
    w.waiting_thread as waiting_thread,
    nullif(w.waiting_query, '') as waiting_query,
    nullif(w.blocking_trx_id, '') as blocking_trx_id,
    w.blocking_thread as blocking_thread,
    nullif(w.blocking_query, '') as blocking_query,
    request,
    case
        when pulled_at is null
        then 'pulled_at is no time'
        when coalesce(waiting_trx_id, blocking_trx_id, waiting_thread::varchar) is null
        then 'a lock wait without a transaction'
    end as reject
from waits
