-- title:  AWS Application Load Balancer access log
-- files:  *alb*.log*, *elasticloadbalancing*.log*
-- sniff:  ^(https?|h2|grpcs|wss?) \d{4}-\d\d-\d\dT[\d:.]+Z \S+ \S+ \S+ -?[\d.]+ -?[\d.]+ -?[\d.]+ 
-- covers: fleet
-- skip:   ^##|^\s*$
--
-- One line a request, all fields that AWS documents; new ones are appended over the years, and a
-- line may end anywhere: fields that are not there are NULL, and so are `-` and the time -1,
-- which means that the request never got that far. `ts` is when the answer was sent,
-- `request_creation_time` when the request came; `status` is what the client got,
-- `target_status_code` what Fleet said. The balancer's own trouble is a 5xx without a
-- `target_status_code`: 502 (Fleet closed or refused), 503 (no target), 504 (too slow). Files
-- come every five minutes, late or twice. `host` is the client.
--
with
    split as (select *, string_split(text, '"') as part from records),
    quoted as (
        select
            *,
            string_split(part[1], ' ') as word,
            case
                when part[3] = ' ' and coalesce(starts_with(part[5], ' '), true)
                then {'request':part[2], 'agent':part[4], 'rest':array_to_string(part[5:], '"')}
                else
                    regexp_extract(
                        text,
                        '^[^"]*"(.*?)(?:" "(.*?)(?:"( \S+ \S+ \S+ "(?:Root=|Self=|-").*))?)?$',
                        ['request', 'agent', 'rest']
                    )
            end as q
        from split
    ),
    fields as (
        select
            * exclude (part),
            string_split(q.request, ' ') as asked,
            http_target(asked) as target,
            http_path(target) as path,
            try_cast(word[9] as bigint) as status,
            string_split(q.rest, '"') as rest,
            string_split(rest[1], ' ') as tls,
            string_split(rest[7], ' ') as rule
        from quoted
    )
select
    case when word[2] like '%Z' then try_cast(word[2] as timestamptz) end as ts,
    nullif(trim(regexp_replace(word[4], ':\d+$', ''), '[]'), '-') as host,
    word[3] as emitter,
    case
        when status < 400 then 'info' when status < 500 then 'warn' when status < 600 then 'error'
    end as level,
    'alb' as process,
    nullif(q.request, '') as message,
    file,
    line,
    case when target is not null then asked[1] end as method,
    path,
    http_query(target) as query,
    case when starts_with(asked[-1], 'HTTP/') then asked[-1] end as protocol,
    status,
    try_cast(word[12] as bigint) as bytes,
    nullif(nullif(q.agent, '-'), '') as user_agent,
    fleet_channel(path, user_agent) as channel,
    fleet_endpoint(path) as endpoint,
    case when user_agent like 'osquery/%' then substr(user_agent, 9) end as osquery_version,
    word[1] as type,
    word[3] as elb,
    nullif(word[4], '-') as client_port,
    nullif(word[5], '-') as target_port,
    alb_seconds(word[6]) as request_processing_time_s,
    alb_seconds(word[7]) as target_processing_time_s,
    alb_seconds(word[8]) as response_processing_time_s,
    try_cast(word[10] as bigint) as target_status_code,
    try_cast(word[11] as bigint) as received_bytes,
    nullif(nullif(tls[2], '-'), '') as ssl_cipher,
    nullif(nullif(tls[3], '-'), '') as ssl_protocol,
    nullif(nullif(tls[4], '-'), '') as target_group_arn,
    nullif(nullif(rest[2], '-'), '') as trace_id,
    nullif(nullif(rest[4], '-'), '') as virtual_host,
    nullif(nullif(rest[6], '-'), '') as chosen_cert_arn,
    try_cast(rule[2] as bigint) as matched_rule_priority,
    try_cast(rule[3] as timestamptz) as request_creation_time,
    nullif(nullif(rest[8], '-'), '') as actions_executed,
    nullif(nullif(rest[10], '-'), '') as redirect_url,
    nullif(nullif(rest[12], '-'), '') as error_reason,
    nullif(nullif(rest[14], '-'), '') as target_port_list,
    nullif(nullif(rest[16], '-'), '') as target_status_code_list,
    nullif(nullif(rest[18], '-'), '') as classification,
    nullif(nullif(rest[20], '-'), '') as classification_reason,
    nullif(trim(rest[21]), '') as conn_trace_id
from fields
