-- title: Certificates that were refused, and why
--
-- One classifier for what Go, OpenSSL, osquery and macOS say. `side` is who refused: client,
-- server, or NULL where the line does not tell. `purpose` is push (Fleet to Apple), scep
-- (identities) or tls. A Mac's unified log tells of every web site, so only the programs that
-- talk to Fleet and Apple's MDM count there; of syslog and journald, only Fleet's own and the
-- proxy's. A line without a warning's level must speak of a failure: much is said of certificates
-- that are fine. Results of queries and Fleet's snapshots say nothing of a handshake.
--
with
    told as (
        select *
        from events
        where
            ts < getvariable('until')
            and "table" not in (
                'osquery_results',
                'nginx_access',
                'alb_access',
                'fleet_hosts',
                'fleet_profiles',
                'fleet_commands',
                'fleet_activities',
                'fleet_apns',
                'fleet_db_locks',
                'fleet_errors',
                'mysql_error'
            )
            and (
                contains(message, 'ertificate')
                or contains(message, 'x509')
                or contains(message, 'tls: ')
                or contains(message, 'SSL_do_handshake')
                or contains(message, 'Trust')
                or contains(message, 'boringssl')
            )
            and (
                "table" <> 'unified_log'
                or process in (
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
            )
            and (
                "table" not in ('syslog', 'journald')
                or process in ('orbit', 'osqueryd', 'fleet-desktop', 'fleet', 'nginx')
            )
            and (
                level in ('warn', 'error', 'fatal')
                or regexp_matches(
                    message,
                    '(?i)fail|error|refus|reject|handshake|invalid|unable|cannot|x509|tls: '
                )
            )
    ),
    reasoned as (
        select
            *,
            coalesce(
                host,
                nullif(
                    regexp_extract(message, 'handshake error from \[?([0-9a-fA-F.:]+)\]?:\d+', 1),
                    ''
                )
            ) as name,
            case
                when regexp_matches(message, 'not yet valid: current time \S+ is before ')
                then 'not yet valid'
                when
                    regexp_matches(
                        message,
                        '(?i)expired certificate|certificate (has |is )?expired|TemporalValidity|-9814\b|-67818\b'
                    )
                then 'expired'
                when regexp_matches(message, '(?i)not yet valid|\[-?1204\]|Code=-1204\b')
                then 'not yet valid'
                when
                    regexp_matches(
                        message,
                        '(?i)unknown (certificate authority|ca\b|authority)|local issuer|self.signed|MissingIntermediate'
                        || '|AnchorTrusted|-981[23]\b|Code=-1203\b|Cannot read TLS server certificate'
                    )
                then 'unknown authority'
                when
                    regexp_matches(
                        message,
                        '(?i)hostname mismatch|certificate is valid for .*, not |not valid for|(certificate|name) does(n.t| not) match|-9843\b|-67602\b'
                    )
                then 'wrong name'
                when regexp_matches(message, '(?i)certificate (is |has been )?revoked')
                then 'revoked'
                when
                    regexp_matches(
                        message, '(?i)protocol version|unsupported protocol|no supported versions'
                    )
                then 'protocol'
                when
                    regexp_matches(
                        message,
                        '(?i)certificate verify failed|bad certificate|bad record MAC|certificate required|unknown certificate'
                        || '|no required SSL certificate|Trust evaluation failed|-980[278]\b|Code=-120[02]\b'
                    )
                then 'refused'
            end as reason
        from told
    )
select
    r.ts,
    coalesce(a.host, r.name) as host,
    r.emitter,
    r.reason,
    case
        when
            contains(r.message, 'local error')
            or r."table" in ('osquery_status', 'orbit', 'unified_log')
        then case when r."table" in ('fleet_server', 'nginx_error') then 'server' else 'client' end
        when contains(r.message, 'remote error')
        then 'client'
    end as side,
    case
        when contains(r.message, 'push.apple.com')
        then 'push'
        when contains(r.message, 'SCEP') or contains(r.message, 'scep')
        then 'scep'
        else 'tls'
    end as purpose,
    r."table",
    r.message,
    r.file,
    r.line
from reasoned as r
left join alias_spans as a on a.alias = lower(r.name) and r.ts >= a.since and r.ts < a.until
where r.reason is not null
