-- title: TLS handshakes that failed over a certificate, both ends of each as one
--
-- A client's line and the server's of the same host within a minute are one event, and so are all
-- that a client says in one second; the server's names the host by its address. The end that
-- refused knows the reason, the other hears of an alert at most: so `reason` is the one that says
-- more, and "refused" only where nobody did. `known` is whether the host's name is, not only its
-- address. What an end would say is NULL where it said nothing, or is not collected.
--
with
    lines as (
        select *, row_number() over (order by ts, "table", file, line) as id
        from certificate_errors
        where purpose = 'tls' and coalesce(host, emitter) is not null
    ),
    servers as (select * from lines where told_by = 'server'),
    clients as (
        select *, coalesce(ts - lag(ts) over of_host > interval 1 second, true) as begins
        from lines
        where told_by = 'client'
        window of_host as (partition by host order by id)
    ),
    tries as (
        select *, max(if(begins, id, null)) over (partition by host order by id) as try_id
        from clients
    ),
    near as (
        select c.id, s.id as server_id, c.ts - s.ts as apart
        from tries as c
        asof join servers as s on s.host = c.host and s.ts <= c.ts
        union all
        select c.id, s.id, s.ts - c.ts
        from tries as c
        asof join servers as s on s.host = c.host and s.ts > c.ts
    ),
    pairs as (
        select id, arg_min(server_id, apart) as server_id
        from near
        where apart <= interval 1 minute
        group by id
    ),
    ends as (
        select * exclude (begins, try_id, server_id), coalesce(server_id, try_id) as handshake
        from tries
        left join pairs using (id)
        union all by name
        select *, id as handshake
        from servers
    )
select
    min(ts) as ts,
    coalesce(any_value(host), any_value(emitter)) as host,
    bool_or(known) as known,
    coalesce(
        min(reason) filter (where reason not in ('refused', 'protocol')),
        min(reason) filter (where reason <> 'refused'),
        'refused'
    ) as reason,
    arg_min(side, id) as side,
    min(message) filter (where told_by = 'client') as client_message,
    min(message) filter (where told_by = 'server') as server_message,
    min("table") filter (where told_by = 'client') as client_table,
    min("table") filter (where told_by = 'server') as server_table
from ends
group by handshake
