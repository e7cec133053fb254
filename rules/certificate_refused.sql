-- title:    Certificate refused
-- severity: high
-- explains: tls-trust
-- needs:    orbit | osquery_status | unified_log
-- every:    5 minutes
-- window:   24 hours
-- alert:    {what} ({times}, last at {until})
-- together: {short}{for_hosts} {when}
-- rows:     certificate_errors (host, purpose)
--
-- One side did not trust the other's certificate: nothing gets through until one of them changes.
-- The two ends of a handshake count as one, and the end that refused knows the reason; "refused"
-- stands only where neither said more. Five clients or more that fail in one quarter of an hour,
-- while fewer than that get through, are the server's trouble and one finding: its certificate
-- was changed, or ran out.
--
-- A handshake that merely breaks off (EOF, timeout) is the network's and is not counted; a single
-- one may be a broken packet. An address that nobody knows may be a scanner: it counts from its
-- fifth, for a client that must enroll tries again and again, and not at all if it spoke too old
-- a protocol. Look first at the reason, then at who shares it: `sharing` says how many of those
-- with the same orbit, which carries its own authorities, fail too.
--
with
    shakes as (
        select *, time_bucket(interval 15 minutes, ts) as slot
        from handshakes
        where
            ts >= getvariable('since')
            and ts < getvariable('until')
            and (known or reason <> 'protocol')
    ),
    lives as (
        select host, min(first_ts) as first_ts, max(last_ts) as last_ts
        from contacts
        where channel <> 'own log'
        group by host
    ),
    crowds as (
        select slot, list(distinct host) as clients
        from shakes
        group by slot
        having count(distinct host) >= 5
    ),
    through as (
        select c.slot, count(distinct l.host) as hosts
        from crowds as c
        join lives as l on l.first_ts < c.slot + interval 15 minutes and l.last_ts >= c.slot
        left join
            gaps as g
            on g.host = l.host
            and g.since < c.slot + interval 15 minutes
            and g.until > c.slot
        where g.host is null and not list_contains(c.clients, l.host)
        group by c.slot
    ),
    everybody as (
        select c.slot
        from crowds as c
        left join through as t on t.slot = c.slot
        where len(c.clients) >= coalesce(t.hosts, 0)
    ),
    refusals as (
        select s.*, if(e.slot is null, s.host, null) as whom
        from shakes as s
        left join everybody as e on e.slot = s.slot
        union all by name
        -- Fleet itself does not trust who answers for Apple
        select
            ts,
            host,
            true as known,
            reason,
            message as client_message,
            "table" as server_table,
            'push' as purpose
        from certificate_errors
        where
            purpose = 'push'
            and reason in ('unknown authority', 'wrong name', 'not yet valid')
            and ts >= getvariable('since')
    ),
    counted as (
        select
            whom as host,
            coalesce(purpose, 'tls') as purpose,
            min(ts) as since,
            max(ts) as until,
            bool_or(known) as known,
            coalesce(mode(reason) filter (where reason <> 'refused'), 'refused') as reason,
            count(*) as events,
            count(distinct host) as hosts,
            list_sort(
                list_concat(
                    list(distinct client_table) filter (where client_table is not null),
                    list(distinct server_table) filter (where server_table is not null)
                )
            ) as logs,
            arg_min(client_message, ts) as client_message,
            arg_min(server_message, ts) as server_message
        from refusals
        group by whom, coalesce(purpose, 'tls')
    ),
    versions as (
        select
            h.orbit_version,
            count(*) as hosts,
            count(*) filter (where c.host is not null) as failing,
            (select count(*) from hosts where orbit_version <> h.orbit_version) as others,
            (
                select count(*)
                from counted as o
                join hosts as i on i.host = o.host
                where i.orbit_version <> h.orbit_version
            ) as others_failing
        from hosts as h
        left join counted as c on c.host = h.host and c.purpose = 'tls'
        where h.orbit_version is not null
        group by h.orbit_version
    )
select
    c.host,
    c.since,
    c.until,
    c.reason,
    c.purpose,
    if(c.reason = 'refused', '', ': ' || c.reason) as why,
    case
        when c.purpose = 'push'
        then 'Fleet does not trust who answers for Apple''s push service' || why
        when c.host is null
        then c.hosts || ' clients at once refuse or are refused a certificate' || why
        else c.host || ' refuses or is refused a certificate' || why
    end as what,
    if(c.purpose = 'push', 'certificate of Apple''s push service', 'TLS certificate')
    || ' refused'
    || if(c.reason = 'refused', '', ' (' || c.reason || ')') as short,
    c.events,
    if(c.events = 1, 'once', c.events || ' times') as times,
    c.hosts,
    h.os_version,
    h.orbit_version,
    'orbit '
    || v.orbit_version
    || ': '
    || v.failing
    || ' of '
    || v.hosts
    || ' fail; others: '
    || v.others_failing
    || ' of '
    || v.others as sharing,
    c.logs,
    c.client_message,
    c.server_message
from counted as c
left join hosts as h on h.host = c.host
left join versions as v on v.orbit_version = h.orbit_version
where c.host is null or c.events >= if(c.known, 2, 5)
order by c.since, c.host
