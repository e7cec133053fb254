-- title: The level of a syslog severity
--
-- `syslog_level(severity)`: 0 to 7 of RFC 5424, which journald calls PRIORITY; emerg, alert and
-- crit are all `fatal`.
--
create macro syslog_level(severity) as
    ['fatal', 'fatal', 'fatal', 'error', 'warn', 'notice', 'info', 'debug'][severity + 1]
