-- title: the moment of a time that does not say its year, in a year that is known
--
-- `0715 11:37:38.368593` (glog), `Jul 15 11:37:38` (syslog) or `07-15 11:37:38`, local time of
-- `zone`. NULL for 29 February in a year that has none.
--
create macro time_in_year(stamp, in_year, zone) as
    timezone(
        zone,
        case
            when regexp_matches(stamp, '^[A-Z]')
            then try_strptime(in_year || ' ' || stamp, ['%Y %b %d %H:%M:%S', '%Y %b %d %H:%M:%S.%f'])
            else
                try_strptime(
                    in_year || ' ' || stamp,
                    ['%Y %m%d %H:%M:%S.%f', '%Y %m-%d %H:%M:%S', '%Y %m-%d %H:%M:%S.%f']
                )
        end
    )
