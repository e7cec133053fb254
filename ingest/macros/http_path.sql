-- title: the path of what a request asks for, without its query
--
-- The target may be absolute: load balancers log it so, and strangers who look for an open proxy
-- send it so. Then its scheme and host are left out.
--
create macro http_path(target) as
case
    when starts_with(target, '/') then split_part(target, '?', 1)
    else regexp_replace(split_part(target, '?', 1), '^[A-Za-z][A-Za-z0-9+.-]*://[^/]*', '')
end
