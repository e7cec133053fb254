-- title: a duration as Go programs log it, in seconds
--
-- `3.767088ms`, `1m41.192370136s`, `1h0m0s`, `250µs`; a whole number is Go's own count of
-- nanoseconds, a number with a fraction is seconds. Anything else is NULL.
--
create macro go_duration_s(took) as
    case
        when ends_with(took, 'ms') then try_cast(took[:-3] as double) / 1e3
        when ends_with(took, 'ns') then try_cast(took[:-3] as double) / 1e9
        when ends_with(took, 'µs') or ends_with(took, 'us') or ends_with(took, 'μs')
            then try_cast(took[:-3] as double) / 1e6
        when regexp_full_match(took, '-?(\d+h)?(\d+m)?\d+(\.\d*)?s') then
            if(starts_with(took, '-'), -1, 1) * (
                3600 * coalesce(try_cast(regexp_extract(took, '(\d+)h', 1) as double), 0)
                + 60 * coalesce(try_cast(regexp_extract(took, '(\d+)m', 1) as double), 0)
                + try_cast(regexp_extract(took, '([\d.]+)s$', 1) as double)
            )
        when regexp_full_match(took, '-?\d+') then try_cast(took as double) / 1e9
        when regexp_full_match(took, '-?\d*\.\d+([eE][+-]?\d+)?|-?\d+[eE]-\d+')
            then try_cast(took as double)
    end
