-- title: A field of journald's JSON as text
--
-- `text_of_field(field)`: journalctl writes a field with control characters (the colours of a
-- terminal) or broken UTF-8 as an array of its bytes, and one that was given twice as an array of
-- strings, here a line each. Bytes that are no UTF-8 become `\xNN`.
--
create macro text_of_field(field) as
    case
        when not starts_with(cast(field as varchar), '[')
        then field ->> '$'
        when try_cast(field as utinyint[])[1] is not null
        then
            coalesce(
                try(
                    decode(
                        unhex(
                            array_to_string(
                                list_transform(
                                    try_cast(field as utinyint[]), lambda byte: printf('%02X', byte)
                                ),
                                ''
                            )
                        )
                    )
                ),
                cast(
                    unhex(
                        array_to_string(
                            list_transform(
                                try_cast(field as utinyint[]), lambda byte: printf('%02X', byte)
                            ),
                            ''
                        )
                    ) as varchar
                )
            )
        when try(from_json(field, '["VARCHAR"]')) is not null
        then array_to_string(from_json(field, '["VARCHAR"]'), chr(10))
        else cast(field as varchar)
    end
