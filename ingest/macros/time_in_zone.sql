-- title: A time that may carry its zone
--
-- `time_in_zone(text, zone)`: a date and time in ISO order as TIMESTAMPTZ; `zone` is meant where
-- the text names none. NULL for what is no time, and for `infinity`, which DuckDB takes for one.
--
create macro time_in_zone(text, zone) as
    case
        when not regexp_matches(text, '^\s*\d{4}-\d\d-\d\d[T ]+\d') then null
        when regexp_matches(text, '\d *([Zz]|[+-]\d\d(:?\d\d)?)\s*$') and length(text) > 10
        then try_cast(text as timestamptz)
        else timezone(zone, try_cast(text as timestamp))
    end
