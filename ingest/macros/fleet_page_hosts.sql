-- title: the hosts of an answer that `fleet_page` parsed
--
-- A page holds a list, an answer about one host that host; a bare answer holds them at its top.
--
create macro fleet_page_hosts(page) as
list_filter(
    coalesce(page.body.hosts, page.hosts, [coalesce(page.body.host, page.host)]),
    lambda one: one is not null
)
