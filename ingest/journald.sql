-- title:   systemd journal, `journalctl --output=json`
-- files:   *journal*.json*, *journal*.ndjson*, *journalctl*
-- sniff:   ^(\x1e|data: )?\{.*"(__REALTIME_TIMESTAMP|_SOURCE_REALTIME_TIMESTAMP)" ?:
-- covers:  host
-- skip:    ^(##|-- |\s*$)
-- general: yes
-- key:     cursor
--
-- One entry a line: `json`, `json-seq` (a record separator before each) and `json-sse` (`data: `
-- before each); not `json-pretty`. Export with `--all`, for without it a field over 4 KiB is
-- null.
--
-- All values are strings, numbers too. A field that a terminal could not show is an array of
-- bytes and one that was given twice an array of strings: `message` is text in both cases. `ts`
-- is when journald took the entry, by which it sorts; only where a shipper dropped that is it the
-- sender's own time. `unit` wrote the entry and `about_unit` is what systemd writes about: a
-- service's restarts are in the latter. A program's own log inside MESSAGE stays as it is: to
-- have Fleet's or orbit's read by their own formats, pull with `--output=cat`.
--
with
    parsed as (
        select
            file,
            emitter,
            line,
            try(
                from_json(
                    case
                        when starts_with(text, '{')
                        then text
                        when starts_with(text, 'data: ')
                        then text[7:]
                        else ltrim(text, chr(30))
                    end,
                    '{"__REALTIME_TIMESTAMP": "BIGINT", "_SOURCE_REALTIME_TIMESTAMP": "BIGINT",
                      "_HOSTNAME": "VARCHAR", "PRIORITY": "BIGINT", "SYSLOG_IDENTIFIER": "JSON",
                      "_COMM": "JSON", "MESSAGE": "JSON", "_PID": "BIGINT",
                      "SYSLOG_PID": "BIGINT", "_SYSTEMD_UNIT": "VARCHAR",
                      "_SYSTEMD_USER_UNIT": "VARCHAR", "UNIT": "VARCHAR", "USER_UNIT": "VARCHAR",
                      "_UID": "BIGINT", "SYSLOG_FACILITY": "BIGINT", "_TRANSPORT": "VARCHAR",
                      "CONTAINER_NAME": "VARCHAR", "MESSAGE_ID": "VARCHAR", "_BOOT_ID": "VARCHAR",
                      "_MACHINE_ID": "VARCHAR", "__MONOTONIC_TIMESTAMP": "BIGINT",
                      "__CURSOR": "VARCHAR"}'
                )
            ) as j
        from records
    )
select
    try(make_timestamptz(coalesce(j.__realtime_timestamp, j._source_realtime_timestamp))) as ts,
    coalesce(nullif(j._hostname, ''), emitter) as host,
    coalesce(nullif(j._hostname, ''), emitter) as emitter,
    syslog_level(j.priority) as level,
    text_of_field(coalesce(j.syslog_identifier, j._comm)) as process,
    text_of_field(j.message) as message,
    file,
    line,
    coalesce(j._pid, j.syslog_pid) as pid,
    coalesce(j._systemd_user_unit, j._systemd_unit) as unit,
    coalesce(j.user_unit, j.unit) as about_unit,
    j._uid as user_id,
    j.syslog_facility as facility,
    j._transport as transport,
    j.container_name as container,
    j.message_id as message_id,
    j._boot_id as boot_id,
    j._machine_id as machine_id,
    j.__monotonic_timestamp / 1e6 as since_boot_s,
    j.__cursor as cursor
from parsed
