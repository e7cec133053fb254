-- title: a duration that somebody appended to an access log line
--
-- `rest` is what follows the user agent. A duration is named there (`rt=0.012`, `urt="0.010,
-- 0.002"`), or it is the `nth` bare number with three decimals, which is how nginx writes
-- seconds. Of several upstreams that were tried nginx lists each one's time, and their sum is the
-- answer; `-` is none.
--
create macro http_seconds(rest, keys, nth) as
list_sum(
    list_transform(
        regexp_extract_all(
            case
                when regexp_matches(rest, '[a-z]=')
                    then regexp_extract(rest, '(?:^|[ ,;"])(?:' || keys || ')="?([\d., :-]+)', 1)
                else list_filter(
                    string_split(replace(replace(rest, '"', ' '), ',', ' '), ' '),
                    lambda word: regexp_full_match(word, '\d+\.\d{3}')
                )[nth]
            end,
            '\d+\.\d+'
        ),
        lambda word: cast(word as double)
    )
)
