-- title: the moment of a time that does not say its year, counting back from another
--
-- `stamp` as in `time_in_year`. The year is the last one that puts it no later than a day after
-- `latest`, for which the time of the file's last change serves (a day, because zones differ); 29
-- February finds its leap year.
--
create macro time_without_year(stamp, zone, latest) as
    coalesce(
        case
            when time_in_year(stamp, year(cast(latest as timestamptz) + interval 1 day), zone)
                <= cast(latest as timestamptz) + interval 1 day
                then time_in_year(stamp, year(cast(latest as timestamptz) + interval 1 day), zone)
        end,
        time_in_year(stamp, year(cast(latest as timestamptz) + interval 1 day) - 1, zone),
        time_in_year(stamp, year(cast(latest as timestamptz) + interval 1 day) - 2, zone),
        time_in_year(stamp, year(cast(latest as timestamptz) + interval 1 day) - 3, zone),
        time_in_year(stamp, year(cast(latest as timestamptz) + interval 1 day) - 4, zone)
    )
