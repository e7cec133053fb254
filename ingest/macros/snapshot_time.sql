-- title: when a snapshot was taken
--
-- A line of the spool says so itself (`pulled_at`). A bare answer of the API does not, and its
-- file's time stands in for it. A `pulled_at` that is no time is a fault, not a bare answer.
--
create macro snapshot_time(pulled_at) as
case when pulled_at is null then getvariable('file_time') else time_in_zone(pulled_at, 'UTC') end
