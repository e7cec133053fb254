-- title: TLS handshakes that failed over a certificate, both ends of each as one
--
-- A client's line and the server's of the same host within a minute are one event, and so are all
-- that a client says in one second; the server's names the host by its address. The end that
-- refused knows the reason, the other hears of an alert at most: so `reason` is the one that says
-- more, and "refused" only where nobody did. `known` is whether the host's name is, not only its
-- address.
-- `client_message` or `server_message` is NULL where that end told nothing, or is not collected.
--
with
    numbered as (
        select *, row_number() over (order by ts, "table", file, line) as id
        from certificate_errors
        where purpose = 'tls' and coalesce(host, emitter) is not null
    ),
    lines as (
        select
            *,
            -- a program says several things of one failure
            told_by = 'server'
            or coalesce(
                ts - lag(ts) over (partition by host, told_by order by id) > interval 1 second, true
            ) as begins
        from numbered
    ),
    tries as (
        select *, max(if(begins, id, null)) over (partition by host, told_by order by id) as try_id
        from lines
    ),
    servers as (select * from lines where told_by = 'server'),
    clients as (select * from lines where told_by = 'client'),
    before as (
        select c.id, s.id as server_id, c.ts - s.ts as apart
        from clients as c
        asof join servers as s on s.host = c.host and s.ts <= c.ts
    ),
    behind as (
        select c.id, s.id as server_id, s.ts - c.ts as apart
        from clients as c
        asof join servers as s on s.host = c.host and s.ts > c.ts
    ),
    pairs as (
        select id, arg_min(server_id, apart) as server_id
        from
            (
                from before
                union all
                from behind
            )
        where apart <= interval 1 minute
        group by id
    )
select
    min(l.ts) as ts,
    coalesce(any_value(l.host), any_value(l.emitter)) as host,
    bool_or(l.known) as known,
    coalesce(
        arg_min(l.reason, l.id) filter (where l.reason not in ('refused', 'protocol')),
        arg_min(l.reason, l.id) filter (where l.reason <> 'refused'),
        'refused'
    ) as reason,
    arg_min(l.side, l.id) as side,
    arg_min(l.message, l.id) filter (where l.told_by = 'client') as client_message,
    arg_min(l.message, l.id) filter (where l.told_by = 'server') as server_message,
    list_sort(list(distinct l."table")) as logs
from tries as l
left join pairs as p on p.id = l.id
group by coalesce(p.server_id, l.try_id)
