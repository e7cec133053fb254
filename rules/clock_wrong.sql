-- title:    Wrong clock
-- severity: high
-- explains: clock-skew
-- needs:    unified_log | orbit | journald
-- every:    5 minutes
-- window:   24 hours
-- alert:    the clock of {host} {what}
-- together: the clock of {hosts} {have} been wrong {when}
-- rows:     clock_offsets (host, kind)
--
-- With a wrong clock no certificate is valid, and the host's own lines stand at wrong times: its
-- gaps and its errors belong elsewhere. The program that sets the clock tells of it, a time
-- server's answer, lines that were collected before they were written, later lines with earlier
-- times, or lines that stand among those of others that are all of another time; `clock_offsets`
-- has them. Seconds are harmless,
-- logs that came late are not wrong, and where a log does not name its zone it is not asked, for
-- zones cannot be told from clocks. Look first at the time server's name, then at the battery.
--
select
    o.host,
    min(o.ts) as since,
    max(o.ts) as until,
    o.kind,
    case
        when o.kind = 'clock stepped'
        then 'was set '
        when o.kind = 'went back'
        then 'went '
        else 'is '
    end || case
        when max(abs(o.behind_s)) < 172800
        then round(max(abs(o.behind_s)) / 60)::bigint || ' min '
        else round(max(abs(o.behind_s)) / 86400)::bigint || ' days '
    end
    || case
        when o.kind in ('clock stepped', 'went back')
        then
            if(
                o.kind = 'clock stepped' and arg_max(o.behind_s, abs(o.behind_s)) > 0,
                'forward',
                'back'
            )
        when arg_max(o.behind_s, abs(o.behind_s)) > 0
        then 'behind'
        else 'ahead'
    end as what,
    count(*) as events,
    arg_max(o.behind_s, abs(o.behind_s)) as behind_s
from clock_offsets as o
join policy as p on p.scope = 'all'
left join hosts as h on h.host = o.host
where abs(o.behind_s) > epoch(coalesce(h.clock_after, p.clock_after))
group by o.host, o.kind
order by since, host, o.kind
