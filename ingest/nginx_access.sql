-- title:  nginx access log, combined format
-- files:  *access*.log*, nginx*.log*
-- sniff:  ^\S+ \S+ .*? \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
-- covers: fleet
--
-- One line a request, as the proxy in front of Fleet writes it.
--
with
    cut as (select *, string_split(text, '"') as part from records)
select
    try_strptime(regexp_extract(part[1], '\[([^\]]+)\]', 1), '%d/%b/%Y:%H:%M:%S %z') as ts,
    split_part(part[1], ' ', 1) as host,
    emitter,
    'info' as level,
    'nginx' as process,
    part[2] as message,
    file,
    line,
    try_cast(split_part(part[3], ' ', 2) as bigint) as status
from cut
