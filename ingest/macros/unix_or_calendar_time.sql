-- title: when osquery says that something happened
--
-- `unixTime` (a number, or a number as text), else `calendarTime` (`Mon May  2 22:27:32 2016
-- UTC`).
--
create macro unix_or_calendar_time(unix, calendar) as
    coalesce(
        case
            when isfinite(try_cast(unix as double))
            then try(to_timestamp(nullif(try_cast(unix as double), 0)))
        end,
        timezone(
            'UTC', try_strptime(calendar, ['%a %b %d %H:%M:%S %Y UTC', '%a %b %d %H:%M:%S %Y'])
        )
    )
