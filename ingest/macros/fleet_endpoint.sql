-- title: a request's path with ids, tokens and names replaced, to group by
--
-- `/api/v1/fleet/hosts/17` and `/api/v1/fleet/hosts/18` are both `/api/v1/fleet/hosts/:id`, and
-- the token of a device page never stays. Numbers and long words (UUIDs, tokens, hashes) are ids,
-- and so is whatever stands after `identifier`, `device` or `proxy`. A trailing slash is dropped.
--
create macro fleet_endpoint(path) as
case
    when path like '/api/fleet/orbit/%' or path in ('/', '/mdm/apple/mdm') then path
    when path like '/api/%/fleet/device/ping' then path
    when path like '/assets/%' then '/assets/:file'
    else rtrim(
        regexp_replace(
            regexp_replace(path, '/(identifier|proxy|device)/[^/]+', '/\1/:id'),
            '/(?:\d+\b|[0-9A-Za-z=%.-]{24,}|[\w=%.-]{32,})',
            '/:id',
            'g'
        ),
        '/'
    )
end
