-- title: a line of Google's glog, which osqueryd writes
--
-- `W0803 16:36:46.483078 162213888 virtual_table.cpp:971] text`: severity, stamp (no year, local
-- time), thread (padded, may be negative), source file and line, text; all empty for other lines.
--
create macro glog_line(line) as
    regexp_extract(
        line,
        '(?s)^([IWEF])(\d{4} \d\d:\d\d:\d\d\.\d+) +(-?\d+) ([^:\]]+):(\d+)\] ?(.*)$',
        ['severity', 'stamp', 'thread', 'source_file', 'source_line', 'said']
    )
