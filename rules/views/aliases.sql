-- title: Every name of every host
-- once:  yes
--
-- `alias` (lower case) is any name that a log may call a host by: Fleet id, UUID, serial,
-- hostname, computer name, address. Here are those that meant one host at all times. A name that
-- two hosts share is left out, and so is one that changed hands, as addresses do: for those,
-- `alias_spans` has the time too.
--
select alias, host
from alias_spans
where since = timestamptz '0001-01-01 00:00:00+00' and until = timestamptz '9999-12-31 00:00:00+00'
