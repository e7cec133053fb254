-- title: a logfmt line as a JSON object
--
-- `level=info msg="say \"hi\""` becomes `{"level":"info","msg":"say \"hi\""}`: all values are
-- text, keys stand in the order of the line, and a key that comes twice comes twice (who reads
-- the JSON takes the first). A quote that is never closed ends with the line; a value with an
-- escape that JSON does not know keeps its escapes as they are.
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
