-- title: what a host of Fleet's API is called
--
-- The first that is there of hostname, display name, computer name, serial and UUID: the same in
-- every format, for tables are joined by it.
--
create macro fleet_host_name(h) as
coalesce(
    nullif(h.hostname, ''),
    nullif(h.display_name, ''),
    nullif(h.computer_name, ''),
    nullif(h.hardware_serial, ''),
    h.uuid
)
