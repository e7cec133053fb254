-- title:  Errors that Fleet keeps for a day
-- files:  fleet_errors*, errors*.json
-- sniff:  \{\s*("count":\s*"?\d+"?,\s*)?"chain":\s*\[
-- covers: fleet
-- record: ^[^\s}\]]
-- skip:   ^##|^\{[\s\S]*"body":\s*(\[\s*\]|null)\s*\}\s*$|^\s*(\[\s*\]|null)\s*$
--
-- `GET /debug/errors` (what `fleetctl debug errors` saves), as a snapshot line or bare. Fleet keeps
-- one of each kind with the number of times it happened, so a row is a kind of error as it stood
-- when the page was pulled: the same one comes back whenever its number grew. It tells of what the
-- log leaves out. The chain begins with the cause; `message` is that and `wrapped` what was said on
-- the way up. `occurred_at` is when the one that was kept happened. `count` comes as text.
--
with
    pages as (
        select
            *,
            try(
                from_json(
                    if(starts_with(text, '['), '{"body":' || text || '}', text),
                    '{"pulled_at":"VARCHAR","request":"VARCHAR","body":[{"count":"BIGINT","chain":[{'
                    || '"message":"VARCHAR","data":{"timestamp":"VARCHAR"},"stack":["VARCHAR"]}]}]}'
                )
            ) as page
        from records
    ),
    errors as (
        select
            file,
            line,
            emitter,
            snapshot_time(page.pulled_at) as pulled_at,
            page.request as request,
            unnest(list_filter(page.body, lambda one:one is not null)) as e
        from pages
    )
select
    pulled_at as ts,
    null as host,
    emitter,
    'error' as level,
    'fleet' as process,
    e.chain[1].message as message,
    file,
    line,
    e.count as count,
    nullif(
        array_to_string(
            list_transform(
                list_filter(e.chain[2:], lambda one:one.message != ''), lambda one:one.message
            ),
            '; '
        ),
        ''
    ) as wrapped,
    fleet_time(
        list_filter(e.chain, lambda one:one.data.timestamp is not null)[1].data.timestamp
    ) as occurred_at,
    nullif(
        array_to_string(list_filter(e.chain, lambda one:len(one.stack) > 0)[1].stack, chr(10)), ''
    ) as stack,
    request,
    case
        when pulled_at is null
        then 'pulled_at is no time'
        when message is null
        then 'an error without a message'
    end as reject
from errors
