-- title: An unsigned 64-bit number as BIGINT
--
-- `signed64(number)`: the same bits. Delta has no unsigned types; an id of 2^63 or more becomes
-- negative and stays one id, where a cast would lose it.
--
create macro signed64(number) as
    coalesce(
        try_cast(number as bigint), cast(cast(number as hugeint) - 18446744073709551616 as bigint)
    )
