-- title: When Fleet's server was started
-- once:  yes
--
-- It says once that it listens, in every form of its log; what it read before, such as a
-- certificate, it reads anew. A log that does not reach a time tells of no start in it.
--
select ts, emitter, 'fleet_server' as "table", message, file, line
from fleet_server
where
    ts < getvariable('until')
    and contains(message, 'listening')
    and coalesce(component, '') <> 'http'
    and regexp_matches(message, '^(\w+ )?listening\b')
