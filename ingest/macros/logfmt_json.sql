-- title: a logfmt line as a JSON object
--
-- `level=info msg="say \"hi\""` becomes `{"level":"info","msg":"say \"hi\""}`: all values text,
-- keys in
-- the order of the line, a key that comes twice twice (readers of JSON take the first). A quote
-- that
-- is never closed ends with the line; escapes that JSON does not know stay as they are.
--
create macro logfmt_json(line) as
    '{' || array_to_string(
        list_transform(
            regexp_extract_all(line, '[^\s="]+=(?:"(?:[^"\\]|\\[^\n])*"?|\S*)'),
            lambda pair: to_json(split_part(pair, '=', 1))::varchar || ':' || case
                when pair[strpos(pair, '=') + 1] != '"'
                    then to_json(substr(pair, strpos(pair, '=') + 1))::varchar
                when json_valid(substr(pair, strpos(pair, '=') + 1))
                    then substr(pair, strpos(pair, '=') + 1)
                else to_json(
                    replace(
                        regexp_replace(substr(pair, strpos(pair, '=') + 2), '([^\\])"$', '\1'),
                        '\"', '"'
                    )
                )::varchar
            end
        ),
        ','
    ) || '}'
