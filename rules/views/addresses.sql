-- title: Where each host was, and when
-- once:  yes
--
-- A row for each stay at an address: it was the host's from `since` to `until` for certain, and
-- for some time before and after; `"table"` is the log that told of it. Behind one public address
-- may be many hosts, so it need not be enough to tell a host by: that `alias_spans` says.
--
select host, alias as address, since, until, "table" from alias_claims where kind = 'address'
