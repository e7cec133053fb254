-- title: the query of what a request asks for, without the question mark
--
--
create macro http_query(target) as
case when contains(target, '?') then nullif(substr(target, strpos(target, '?') + 1), '') end
