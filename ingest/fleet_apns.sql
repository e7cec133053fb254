-- title:  Fleet's push certificate
-- files:  fleet_apns*, apns*.json
-- sniff:  "(common_name|issuer|serial_number)":[^{}]*"renew_date":
-- covers: fleet
-- record: ^[^\s}\]]
-- skip:   ^##
--
-- `GET /apns`, as a snapshot line or bare: the certificate by which Fleet asks Apple to wake Macs.
-- Apple gives it for a year. `not_after` is what Fleet calls the date of its renewal: the moment it
-- ends. It must be renewed under the same Apple account, or every Mac has to be enrolled anew. A
-- certificate that was renewed while Fleet ran may still be the old one in its memory: this says
-- what Fleet has stored, not what it pushes with.
--
with
    pages as (
        select
            *,
            try(
                from_json(
                    text,
                    '{"pulled_at":"VARCHAR","request":"VARCHAR","common_name":"VARCHAR","serial_number":"VARCHAR",'
                    || '"issuer":"VARCHAR","renew_date":"VARCHAR","body":{"common_name":"VARCHAR",'
                    || '"serial_number":"VARCHAR","issuer":"VARCHAR","renew_date":"VARCHAR"}}'
                )
            ) as page
        from records
    ),
    certificates as (
        select
            file,
            line,
            emitter,
            snapshot_time(page.pulled_at) as pulled_at,
            page.request as request,
            nullif(coalesce(page.body.common_name, page.common_name), '') as common_name,
            nullif(coalesce(page.body.serial_number, page.serial_number), '') as serial_number,
            nullif(coalesce(page.body.issuer, page.issuer), '') as issuer,
            fleet_time(coalesce(page.body.renew_date, page.renew_date)) as not_after
        from pages
    )
select
    pulled_at as ts,
    null as host,
    emitter,
    'info' as level,
    'fleet' as process,
    concat(
        'push certificate ',
        coalesce(common_name, 'without a name'),
        ' ends ' || strftime(timezone('UTC', not_after), '%Y-%m-%dT%H:%M:%SZ')
    ) as message,
    file,
    line,
    common_name,
    serial_number,
    issuer,
    not_after,
    request,
    case
        when coalesce(common_name, serial_number, issuer) is null and not_after is null
        then 'no shape of a push certificate'
        when pulled_at is null
        then 'pulled_at is no time'
    end as reject
from certificates
