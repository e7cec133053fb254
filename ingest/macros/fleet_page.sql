-- title: an answer of Fleet's API about hosts, as a snapshot line or as it is
--
-- `host` is the JSON structure of what is wanted of each host. Whatever else stands in an answer
-- is not even parsed into values; text that is no JSON gives NULL. See `fleet_page_hosts` for the
-- list.
--
create macro fleet_page(text, host) as
try(
    from_json(
        text,
        replace(
            '{"pulled_at":"VARCHAR","request":"VARCHAR","body":{"hosts":["HOST"],"host":"HOST"},"hosts":["HOST"],"host":"HOST"}',
            '"HOST"',
            host
        )
    )
)
