-- title: what journald and syslog put before a program's own line
--
-- `May 07 15:31:24 server fleet[1402]: rest`, with or without machine, process id and
-- `<priority>`; the time may be ISO 8601. Gives stamp, machine, program, pid and rest, all empty
-- where a line has no such prefix. An ISO time counts only with a process id: orbit's own lines
-- begin with one too.
--
create macro syslog_prefix(line) as
    regexp_extract(
        line,
        '(?s)^(?:<\d{1,3}>)?(?:([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?) (?:([^\s:\[\]]+) )?([^\s:\[\]]+)(?:\[(\d+)\])?:|'
        || '(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) (?:([^\s:\[\]]+) )?([^\s:\[\]]+)\[(\d+)\]:) (.*)$',
        ['stamp', 'machine', 'program', 'pid', 'iso_stamp', 'iso_machine', 'iso_program', 'iso_pid', 'rest']
    )
