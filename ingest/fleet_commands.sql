-- title:  Fleet's MDM commands
-- files:  fleet_commands*, *mdm-commands*, *mdm_commands*, commands*.json
-- sniff:  "results":\s*\[\s*\{[^}]*"command_uuid":|^\|\s*[0-9A-Fa-f-]{36}\s*\|\s*\d{4}-\d\d-\d\d
-- covers: fleet
-- record: ^[^\s}\]]
-- skip:   ^##|^\+[-+]*$|^\|\s*ID\s*\||^\{[\s\S]*"results":\s*(\[\s*\]|null)[\s\S]*\}\s*$
--
-- Pages of `GET /commands`, as snapshot lines or bare, and the table that `fleetctl get
-- mdm-commands` prints, whose lines carry no time of their own: `ts` is the file's, and TIME is
-- `updated_at`. One row a command and host; the same command comes back in every page until it
-- scrolls out, while a pull keeps it once for each status it had. A status of NULL (empty in
-- older Fleet, `Pending` in newer) is a command the host has not answered. `NotNow` is an answer
-- too: the Mac is asleep or locked and will be asked again. The list lacks `DeviceLock` unless
-- it is asked for by type.
--
with
    parsed as (
        select
            *,
            case
                when starts_with(text, '{')
                then
                    try(
                        from_json(
                            text,
                            replace(
                                '{"pulled_at":"VARCHAR","request":"VARCHAR","body":{"results":"LIST"},"results":"LIST"}',
                                '"LIST"',
                                '[{"host_uuid":"VARCHAR","command_uuid":"VARCHAR","status":"VARCHAR","updated_at":"VARCHAR",'
                                || '"request_type":"VARCHAR","hostname":"VARCHAR","name":"VARCHAR"}]'
                            )
                        )
                    )
            end as page,
            case
                when starts_with(text, '|')
                then list_transform(string_split(text, '|'), lambda cell:trim(cell))
            end as cell
        from records
    ),
    commands as (
        select
            file,
            line,
            emitter,
            snapshot_time(page.pulled_at) as pulled_at,
            page.request as request,
            unnest(
                case
                    when len(cell) >= 6 and length(cell[2]) = 36
                    then
                        [
                            {
                                'host_uuid':null,
                                'command_uuid':cell[2],
                                'status':cell[5],
                                'updated_at':cell[3],
                                'request_type':cell[4],
                                'hostname':cell[6],
                                'name':null
                            }
                        ]
                    else
                        list_filter(
                            coalesce(page.body.results, page.results), lambda one:one is not null
                        )
                end
            ) as c
        from parsed
    )
select
    pulled_at as ts,
    coalesce(nullif(c.hostname, ''), nullif(c.host_uuid, '')) as host,
    emitter,
    if(c.status in ('Error', 'CommandFormatError'), 'error', 'info') as level,
    'fleet' as process,
    concat(
        coalesce(nullif(c.request_type, ''), 'command'),
        ' ' || nullif(c.name, ''),
        ': ',
        coalesce(nullif(c.status, ''), 'no answer yet')
    ) as message,
    file,
    line,
    nullif(c.host_uuid, '') as host_uuid,
    nullif(c.command_uuid, '') as command_uuid,
    nullif(c.status, '') as status,
    fleet_time(c.updated_at) as updated_at,
    nullif(c.request_type, '') as request_type,
    nullif(c.hostname, '') as hostname,
    nullif(c.name, '') as name,
    request,
    case
        when pulled_at is null
        then 'pulled_at is no time'
        when command_uuid is null
        then 'a command without an id'
    end as reject
from commands
