-- title:  nginx error log
-- files:  *error*.log*, nginx*.log*
-- sniff:  \d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] \d+#\d+: 
-- covers: fleet
-- zone:   UTC
-- skip:   ^##|^\s*$
--
-- What nginx says of itself and of connections that went wrong; its times are local and carry no
-- zone. The message is followed by what it was about (`client:`, `request:`, `upstream:` …),
-- which becomes columns. `host` is the client; lines about the server itself (start, reload) have
-- none. Here alone one sees TLS failures: a handshake that fails makes no request and no access
-- log line. `tls_reason` is OpenSSL's text without its numbers, or what nginx says of a client
-- certificate. nginx cuts a line after 2048 bytes without saying so: a quote may never close.
--
with
    lines as (
        select
            *,
            regexp_extract(
                text,
                '(?:(\S+) nginx(?:\[\d+\])?: )?(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[([a-z]+)\] (\d+)#(\d+): (?:\*(\d+) )?(.*)',
                ['machine', 'time', 'severity', 'pid', 'tid', 'connection', 'said'],
                's'
            ) as part
        from records
    ),
    about as (
        select
            *,
            regexp_extract(part.said, '^(.*?)(?:, client: .*)?$', 1, 's') as message,
            nullif(substr(part.said, length(message) + 1), '') as context
        from lines
    ),
    requests as (
        select
            *,
            regexp_extract(context, ', request: "(.*?)(?:"(?:, |$)|$)', 1) as request,
            string_split(request, ' ') as word,
            http_target(word) as target,
            http_path(target) as path
        from about
    )
select
    timezone(getvariable('zone'), try_strptime(part.time, '%Y/%m/%d %H:%M:%S')) as ts,
    coalesce(
        nullif(regexp_extract(context, ', client: ([^, ]+)', 1), ''),
        nullif(regexp_extract(message, '^client (\S+) closed ', 1), '')
    ) as host,
    coalesce(nullif(part.machine, ''), emitter) as emitter,
    case
        when part.severity in ('emerg', 'alert', 'crit')
        then 'fatal'
        when part.severity in ('error', 'warn', 'notice', 'info', 'debug')
        then part.severity
    end as level,
    'nginx' as process,
    message,
    file,
    line,
    host as client,
    nullif(regexp_extract(context, ', server: ([^, ]+)', 1), '') as server,
    nullif(request, '') as request,
    case when target is not null then word[1] end as method,
    path,
    http_query(target) as query,
    fleet_channel(path, null) as channel,
    fleet_endpoint(path) as endpoint,
    nullif(regexp_extract(context, ', upstream: "([^"]*)', 1), '') as upstream,
    nullif(regexp_extract(context, ', host: "([^"]*)', 1), '') as virtual_host,
    nullif(regexp_extract(context, ', referrer: "([^"]*)', 1), '') as referer,
    try_cast(part.connection as bigint) as connection,
    try_cast(part.pid as bigint) as pid,
    try_cast(part.tid as bigint) as tid,
    try_cast(regexp_extract(message, '\((\d+): [^()]+\)', 1) as bigint) as errno,
    nullif(
        coalesce(
            nullif(
                regexp_extract(message, '\(SSL: error:[0-9A-Fa-f]+:[^:()]*:[^:()]*:([^:()]+)', 1),
                ''
            ),
            nullif(
                regexp_extract(message, 'SSL certificate verify error: \(\d+:([^()]+)\)', 1), ''
            ),
            regexp_extract(
                message,
                'client sent no required SSL certificate|peer closed connection in SSL handshake'
            )
        ),
        ''
    ) as tls_reason
from requests
