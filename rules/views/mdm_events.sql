-- title: What MDM said: commands, answers, pushes, enrollment, declarations
-- once:  yes
--
-- From the Mac's own log (mdmclient, apsd, cloudconfigurationd, profiles, remotemanagementd)
-- and from Fleet's (its nanoMDM, its crons, its queries that verify profiles). `kind` is
-- received (the Mac took a command), acknowledged, not now, error, format error (its answer),
-- refusal (why it answered so), push, check-in failed, enrolling, enrollment failed,
-- unenrolled, declarative (a request of declarative management; `detail` is its endpoint),
-- declaration refused, report refused (an answer that Fleet could not take), verification
-- failed (the query that looks for profiles) or sync failed (between Apple's business portal
-- and Fleet). A Mac numbers its commands by their UUID, or within one check-in; only a UUID
-- stands in `command_uuid`. It logs an answer when it is sent and again with the response:
-- only the first counts.
--
with
    told as (
        select
            ts,
            host,
            emitter,
            message,
            file,
            line,
            'unified_log' as "table",
            null as status,
            null as known_uuid,
            null as known_type,
            null as extra,
            null as cron,
            case
                when starts_with(process, 'apsd')
                then if(contains(message, 'com.apple.mgmt'), 'push', null)
                when contains(message, 'Sending HTTP request')
                then
                    case
                        when contains(message, '[Acknowledged(')
                        then 'acknowledged'
                        when contains(message, '[NotNow(')
                        then 'not now'
                        when contains(message, '[CommandFormatError(')
                        then 'format error'
                        when contains(message, '[Error(')
                        then 'error'
                        when contains(message, '[MDM_Authenticate]')
                        then 'enrolling'
                        when contains(message, '[MDM_CheckOut]')
                        then 'unenrolled'
                    end
                when contains(message, 'Processing server request: ')
                then 'received'
                when contains(message, 'Received HTTP response (')
                then
                    case
                        when contains(message, 'response (2')
                        then null
                        when contains(message, '[MDM_Authenticate]')
                        then 'enrollment failed'
                        else 'check-in failed'
                    end
                when contains(message, 'Responding ''NotNow''')
                then 'refusal'
                when contains(message, '[ErrorChain.0]')
                then 'refusal'
                when contains(message, 'InstallMDMv1Profile') and contains(message, 'Error Domain=')
                then 'enrollment failed'
                when contains(message, 'MCCloudConfigurationErrorDomain')
                then 'enrollment failed'
                when
                    contains(message, 'UnknownDeclarationType')
                    or contains(message, 'Unknown Declaration Type')
                then 'declaration refused'
            end as kind
        from unified_log
        where
            process in ('mdmclient', 'apsd', 'cloudconfigurationd', 'profiles', 'remotemanagementd')
            and ts < getvariable('until')
            and kind is not null
        union all
        select
            ts,
            host,
            emitter,
            message,
            file,
            line,
            'fleet_server',
            status,
            command_uuid,
            request_type,
            extra,
            cron,
            case
                when command_uuid is not null
                then
                    case
                        lower(status)
                        when 'acknowledged'
                        then 'acknowledged'
                        when 'notnow'
                        then 'not now'
                        when 'error'
                        then 'error'
                        when 'commandformaterror'
                        then 'format error'
                        else if(starts_with(message, 'command retrieved'), 'received', null)
                    end
                when starts_with(message, 'DeclarativeManagement')
                then 'declarative'
                when message = 'Authenticate'
                then 'enrolling'
                when message = 'CheckOut'
                then 'unenrolled'
                when contains(message, 'storing command report')
                then 'report refused'
                when
                    contains(message, 'UnknownDeclarationType')
                    or contains(message, 'Unknown Declaration Type')
                then 'declaration refused'
                when contains(extra, 'mdm_config_profiles')
                then 'verification failed'
                when contains(message, 'FLAGS_INVALID')
                then 'sync failed'
                when
                    (level = 'error' or err is not null)
                    and (cron = 'apple_mdm_dep_profile_assigner' or contains(component, 'nanodep'))
                then 'sync failed'
            end as kind
        from fleet_server
        where ts < getvariable('until') and coalesce(component, '') <> 'http' and kind is not null
        union all
        select
            ts,
            host,
            emitter,
            message,
            file,
            line,
            'osquery_status',
            null,
            null,
            null,
            null,
            null,
            'verification failed'
        from osquery_status
        where
            contains(message, 'mdm_config_profiles')
            and level in ('warn', 'error', 'fatal')
            and ts < getvariable('until')
    ),
    read as (
        select
            *,
            regexp_extract(
                message,
                '(?:\[\w+\((\w+)\):|server request: (\w+) for: [^(]*\()([0-9A-Fa-f-]{36})?',
                ['answered', 'asked', 'uuid']
            ) as said
        from told
    )
select
    r.ts,
    coalesce(a.host, r.host) as host,
    r.emitter,
    r.kind,
    coalesce(
        r.known_type,
        nullif(r.said.answered, ''),
        nullif(r.said.asked, ''),
        nullif(regexp_extract(r.message, '(?:server request: |ErrorChain.0\] \()(\w+)', 1), '')
    ) as request_type,
    lower(coalesce(r.known_uuid, nullif(r.said.uuid, ''))) as command_uuid,
    case
        r.kind
        when 'declarative'
        then try(json_extract_string(r.extra, '$.endpoint'))
        when 'refusal'
        then
            coalesce(
                nullif(regexp_extract(r.message, 'reason: (.*)$', 1), ''),
                nullif(regexp_extract(r.message, 'ErrorChain.0\] (?:\(\w+\) )?(.*?)>?$', 1), '')
            )
        when 'check-in failed'
        then nullif(regexp_extract(r.message, 'response \((\d+)\)', 1), '')
    end as detail,
    r."table",
    r.message,
    r.file,
    r.line
from read as r
left join aliases as a on a.alias = lower(r.host)
