-- title: the target in the words of a request line
--
-- The target stands between the method and the protocol, and may hold spaces itself. What is no
-- HTTP (TLS bytes on a plain port, `-`, nothing at all) has none. HTTP/0.9 names no protocol.
--
create macro http_target(words) as
case
    when len(words) = 3 and starts_with(words[3], 'HTTP/') then words[2]
    when len(words) > 3 and starts_with(words[-1], 'HTTP/') then array_to_string(words[2:-2], ' ')
    when len(words) = 2 and starts_with(words[2], '/') and regexp_full_match(words[1], '[A-Z]+') then words[2]
end
