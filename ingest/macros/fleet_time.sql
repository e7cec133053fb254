-- title: a time as Fleet's API gives it
--
-- A host that was never fetched has a date before 2001-01-02 (2000-01-01, 1970-01-02, 0001-01-01,
-- by version): such a time is NULL. Some answers, and Fleet's own documentation, lack the hour
-- after the date (`2023-04-04:00:00Z`); what stands there is taken for minutes and seconds past
-- midnight.
--
create macro fleet_time(text) as
case
    when time_in_zone(regexp_replace(text, '^(\d{4}-\d\d-\d\d):(\d\d:\d\dZ)$', '\1T00:\2'), 'UTC') >= timestamptz '2001-01-02 00:00:00+00'
    then time_in_zone(regexp_replace(text, '^(\d{4}-\d\d-\d\d):(\d\d:\d\dZ)$', '\1T00:\2'), 'UTC')
end
