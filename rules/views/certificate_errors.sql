-- title: Certificates that were refused, and why
-- once:  yes
--
-- One classifier for what Go, OpenSSL, osquery and macOS say. `side` is who refused: client,
-- server, or NULL where the line does not tell; `told_by` is the end that wrote it. `purpose` is
-- push (Fleet to Apple), identity (SCEP, and Fleet's check of a Mac's identity), outgoing (Fleet
-- to any other server) or tls (a client of Fleet's, or a Mac to Apple). `host` is resolved where
-- `known`; else it is the address, for a client that does not get in has no other name yet.
--
-- A Mac's unified log tells of every web site, so only the programs that talk to Fleet and
-- Apple's MDM count there; of syslog and journald, only Fleet's own and the proxy's. A line
-- without a warning's level must speak of a failure: much is said of certificates that are fine.
-- Fleet tells of many pushes in one line: the tokens that Apple refuses become a row each, the
-- rest is one. An error that Fleet keeps counts only where its log has no like it at that minute.
--
with
    told as (
        select *
        from events
        where
            ts < getvariable('until')
            and case
                when "table" in ('fleet_server', 'syslog', 'journald')
                then
                    contains(message, 'tls: ')
                    or contains(message, 'ertificate')
                    or contains(message, 'x509')
                    or contains(message, 'APN')
                    or contains(message, 'token is inactive')
                    or contains(message, 'scep')
                    or contains(message, 'SCEP')
                    or contains(message, 'is not ''pending'' for host')
                when "table" = 'nginx_error'
                then contains(message, 'SSL') or contains(message, 'ertificate')
                when "table" in ('orbit', 'osquery_status')
                then
                    contains(message, 'ertificate')
                    or contains(message, 'x509')
                    or contains(message, 'tls: ')
                when "table" = 'unified_log'
                then
                    process in (
                        'mdmclient',
                        'apsd',
                        'orbit',
                        'osqueryd',
                        'fleet-desktop',
                        'cloudconfigurationd',
                        'remotemanagementd',
                        'nsurlsessiond',
                        'storedownloadd',
                        'softwareupdated'
                    )
                    and (
                        contains(message, 'ertificate')
                        or contains(message, 'SCEP')
                        or contains(message, 'Trust')
                        or contains(message, 'boringssl')
                        or contains(message, 'x509')
                        or contains(message, 'SSL')
                    )
                else false
            end
            and (
                "table" not in ('syslog', 'journald')
                or process in ('orbit', 'osqueryd', 'fleet-desktop', 'fleet', 'nginx')
            )
        union all
        select
            'fleet_errors',
            coalesce(occurred_at, ts),
            null,
            emitter,
            level,
            process,
            concat_ws('; ', message, wrapped),
            file,
            line
        from fleet_errors
        where coalesce(occurred_at, ts) < getvariable('until')
    ),
    failures as (
        select
            *,
            "table" in ('fleet_server', 'fleet_errors')
            or ("table" in ('syslog', 'journald') and process = 'fleet') as by_fleet,
            if(
                by_fleet and contains(message, 'UUID: '),
                list_filter(
                    regexp_extract_all(message, 'UUID: [^\s,]+, Error: [^\n]*'),
                    lambda one:regexp_matches(
                        one, 'token is inactive|Unregistered|DeviceToken|ExpiredToken'
                    )
                ),
                []
            ) as tokens
        from told
        where
            level in ('warn', 'error', 'fatal')
            or regexp_matches(
                message,
                '(?i)fail|error|refus|reject|handshake|invalid|unable|cannot|x509|tls: |inactive|not ''pending'''
            )
    ),
    split as (
        select
            * exclude (message, tokens),
            unnest(
                case
                    when len(tokens) = 0
                    then [message]
                    when len(regexp_extract_all(message, 'UUID: [^\s,]+, Error: ')) = len(tokens)
                    then tokens
                    else
                        list_append(
                            tokens,
                            regexp_replace(
                                message,
                                '\n?UUID: [^\n]*(token is inactive|Unregistered|DeviceToken|ExpiredToken)[^\n]*',
                                '',
                                'g'
                            )
                        )
                end
            ) as message
        from failures
    ),
    meant as (
        select
            * exclude (host),
            starts_with(message, 'UUID: ') as is_token,
            contains(message, 'handshake error from ') as is_handshake,
            if(
                is_handshake,
                regexp_extract(message, 'handshake error from \[?([0-9a-fA-F.:]+)\]?:\d+', 1),
                ''
            ) as address,
            process is not distinct from 'nginx' as by_proxy,
            case
                when is_token
                then regexp_extract(message, 'UUID: ([^\s,]+)', 1)
                when by_proxy and "table" <> 'nginx_error'
                then nullif(regexp_extract(message, ', client: ([^ ,]+)', 1), '')
                when host is not null
                then host
                when is_handshake
                then nullif(address, '')
                when contains(message, 'is not ''pending''')
                then nullif(regexp_extract(message, 'not ''pending'' for host:\s*([\w.-]+)', 1), '')
            end as name,
            by_fleet and is_handshake or by_proxy as by_server,
            -- what is told again and again is judged once
            if(
                is_handshake, regexp_replace(message, '^.*handshake error from \S+: ', ''), message
            ) as said,
            case
                when
                    by_fleet
                    and (
                        is_token
                        or regexp_matches(
                            message, 'push\.apple\.com|APN|token is inactive|push notif|ending push'
                        )
                    )
                then 'push'
                when
                    contains(message, 'SCEP')
                    or contains(message, 'scep')
                    or contains(message, 'is not ''pending''')
                then 'identity'
                when by_fleet and contains(message, '/mdm/apple/') and contains(message, 'x509')
                then 'identity'
                when by_fleet and not by_server
                then 'outgoing'
                else 'tls'
            end as purpose
        from split
    ),
    kinds as (select distinct purpose, said from meant),
    reasons as (
        select
            *,
            case
                when
                    purpose = 'push'
                    and regexp_matches(said, 'is inactive|Unregistered|BadDeviceToken|ExpiredT')
                then 'dead token'
                when
                    purpose = 'push'
                    and regexp_matches(
                        said,
                        'DeviceTokenNotForTopic|TopicDisallowed|BadTopic|MissingTopic|BadCertificateEnvironment'
                    )
                then 'wrong topic'
                when purpose = 'identity' and regexp_matches(said, '\b429\b|Too Many Requests')
                then 'too many requests'
                when purpose = 'identity' and contains(said, 'hallenge')
                then 'challenge refused'
                when purpose = 'identity' and contains(said, 'is not ''pending''')
                then 'not expected'
                when regexp_matches(said, 'not yet valid: current time \S+ is before ')
                then 'not yet valid'
                when
                    regexp_matches(
                        said,
                        '(?i)expired certificate|certificate (has |is )?expired|TemporalValidity|-9814\b|-67818\b'
                    )
                then 'expired'
                when regexp_matches(said, '(?i)not yet valid|\[-?1204\]|Code=-1204\b')
                then 'not yet valid'
                when contains(said, 'Cannot read TLS server certificate')
                then 'missing CA file'
                when
                    regexp_matches(
                        said,
                        '(?i)unknown (certificate authority|ca\b|authority)|local issuer|self.signed|MissingIntermediate'
                        || '|AnchorTrusted|-981[23]\b|Code=-1203\b'
                    )
                then 'unknown authority'
                when
                    regexp_matches(
                        said,
                        '(?i)hostname mismatch|certificate is valid for .*, not |not valid for|(certificate|name) does(n.t| not) match|-9843\b|-67602\b'
                    )
                then 'wrong name'
                when regexp_matches(said, '(?i)certificate (is |has been )?revoked')
                then 'revoked'
                when
                    regexp_matches(
                        said,
                        '(?i)protocol version|unsupported (protocol|versions)|no supported versions'
                    )
                then 'protocol'
                when
                    regexp_matches(
                        said,
                        '(?i)certificate verify failed|bad certificate|bad record MAC|certificate required|unknown certificate'
                        || '|no required SSL certificate|Trust evaluation failed|-980[278]\b|Code=-120[02]\b'
                        || '|BadCertificate|x509: '
                    )
                then 'refused'
                when
                    purpose = 'identity'
                    and regexp_matches(said, '(?i)fail|error|refus|reject|invalid|unable|cannot')
                then 'failed'
            end as reason
        from kinds
    ),
    reasoned as (
        select m.*, w.reason
        from meant as m
        join reasons as w on w.purpose = m.purpose and w.said = m.said
        where w.reason is not null
    ),
    resolved as (
        select
            r.ts,
            coalesce(a.host, r.name) as host,
            a.host is not null or r."table" in ('orbit', 'osquery_status', 'unified_log') as known,
            r.emitter,
            r.purpose,
            r.reason,
            case
                when contains(r.message, 'local error')
                then if(r.by_server, 'server', 'client')
                when contains(r.message, 'remote error')
                then if(r.by_server, 'client', 'server')
                when r.purpose = 'tls' and not r.by_server
                then 'client'
            end as side,
            case when r.purpose = 'tls' then if(r.by_server, 'server', 'client') end as told_by,
            r."table",
            r.message,
            r.file,
            r.line
        from reasoned as r
        left join alias_spans as a on a.alias = lower(r.name) and r.ts >= a.since and r.ts < a.until
        where
            -- it fetches for every app, and a web site may have an old certificate
            r.process is distinct from 'nsurlsessiond'
            or r.reason = 'unknown authority'
            or contains(r.message, '.apple.com')
    ),
    logged as (
        select distinct purpose, reason, date_trunc('minute', ts) as minute
        from resolved
        where "table" = 'fleet_server'
    )
select r.*
from resolved as r
anti join
    logged as l
    on r."table" = 'fleet_errors'
    and l.purpose = r.purpose
    and l.reason = r.reason
    and l.minute = date_trunc('minute', r.ts)
