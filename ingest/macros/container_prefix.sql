-- title: what Docker, Kubernetes and CloudWatch put before a program's own line
--
-- `fleet-1  | rest` (docker compose), `[pod/fleet-0/fleet] rest` (kubectl --prefix), a time, and
-- after it `stdout F` (the kubelet's files) or a log stream (`aws logs tail`). Gives container,
-- pod and rest, which is the whole line where there is no such prefix.
--
create macro container_prefix(line) as
    regexp_extract(
        line,
        '(?s)^(?:([\w.-]+) +\| |\[pod/([\w.-]+)/[\w.-]+\] )?'
        || '(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)? '
        || '(?:(?:stdout|stderr) [FP] |[\w.-]+/[\w./-]+ )?)?(.*)$',
        ['container', 'pod', 'rest']
    )
