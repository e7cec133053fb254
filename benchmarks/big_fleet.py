"""Writes a day of 2,000 Macs in every kind of log, by DuckDB: millions of lines in seconds, always the same."""

from pathlib import Path

import duckdb

HOSTS = 2000
DAY = "timestamptz '2026-03-09 00:00:00+00'"
NOW = "2026-03-10T00:00:00Z"
STUCK = 60
"""Hosts with a profile that stays pending, for the push certificate ran out."""
SILENT = 25
"""Hosts that fall silent in the evening."""
_SHARES = {"nginx_access": 0.42, "unified_log": 0.31, "fleet_server": 0.08, "osquery_status": 0.05}
"""Of all events; the rest are snapshots."""
_SETUP = f"""
set timezone = 'UTC';
set enable_progress_bar = false;
create macro host_name(h) as format('mac-{{:04d}}', h);
create macro host_uuid(h) as format('{{:08X}}-0000-4000-8000-{{:012X}}', h, h * 7919);
create macro address(h) as format('198.18.{{}}.{{}}', h // 250, h % 250 + 1);
create macro chance(i, salt, n) as cast(hash(i * 16 + salt) % n as bigint);
create macro moment(i, n) as {DAY} + to_microseconds(cast(86400000000 * i / n as bigint));
create macro pick(list, i, salt) as list[chance(i, salt, len(list)) + 1];
"""
_LINES = {
    "nginx_access": """
        select address(h) || ' - - [' || strftime(ts, '%d/%b/%Y:%H:%M:%S +0000') || '] "POST ' || path
            || ' HTTP/1.1" ' || if(chance(i, 3, 5000) = 0, '502', '200') || ' ' || (20 + chance(i, 4, 4000))
            || ' "-" "' || agent || '"'
        from (
            select i, i % {hosts} as h, moment(i, {n}) as ts, chance(i, 2, 20) as kind,
                case when kind < 14 then '/api/osquery/distributed/read' when kind < 16 then '/api/osquery/config'
                     when kind < 18 then '/api/fleet/orbit/config' when kind < 19 then '/api/osquery/log'
                     else '/mdm/apple/mdm' end as path,
                case when kind < 16 or kind = 18 then 'osquery/5.17.0' when kind < 18 then 'Go-http-client/1.1'
                     else 'MDM-OSX/1.0 mdmclient/1660' end as agent
            from range({n}) as t(i)
        )
        where not (h < {silent} and ts > timestamptz '2026-03-09 19:00:00+00')
        order by i""",
    "fleet_server": """
        select to_json(struct_pack(ts := strftime(ts, '%Y-%m-%dT%H:%M:%SZ'), level := if(bad, 'error', 'info'),
            msg := if(bad, 'schedule run', 'activity'), schedule := 'apple_mdm_apns_pusher', err := if(bad,
            'running job: sending push notifications: APNS delivery failed with the following errors:' || chr(10)
            || 'UUID: ' || host_uuid(i % {stuck}) || ', Error: Post "https://api.push.apple.com/3/device/00": '
            || 'remote error: tls: expired certificate', null)))
        from (
            select i, moment(i, {n}) as ts, ts > timestamptz '2026-03-09 22:30:00+00' and i % 50 = 0 as bad
            from range({n}) as t(i)
        )
        order by i""",
    "osquery_status": """
        select to_json(struct_pack(hostIdentifier := host_uuid(h),
            calendarTime := strftime(ts, '%a %b %d %H:%M:%S %Y UTC'), unixTime := cast(epoch(ts) as bigint),
            severity := if(chance(i, 5, 30) = 0, 1, 0), filename := 'scheduler.cpp',
            line := 83, message := 'Executing scheduled query pack/fleet/q' || chance(i, 6, 400) || ': select * from t',
            version := '5.17.0'))
        from (select i, i % {hosts} as h, moment(i, {n}) as ts from range({n}) as t(i))
        order by i""",
    "fleet_hosts": """
        select to_json(struct_pack(pulled_at := strftime(asked, '%Y-%m-%dT%H:%M:%SZ'), source := 'fleet',
            request := '/api/v1/fleet/hosts?page=' || page || '&per_page=100&order_key=id',
            body := struct_pack(hosts := list({host} order by h))))
        from (
            select h, h // 100 as page, {day} + to_seconds(600 + 86400 * s // {n}) as asked
            from range({hosts}) as t(h), range({n}) as u(s)
        )
        where asked < {day} + interval 1 day
        group by asked, page order by asked, page""",
    "fleet_profiles": """
        select to_json(struct_pack(pulled_at := strftime(asked, '%Y-%m-%dT%H:%M:%SZ'), source := 'fleet',
            request := '/api/v1/fleet/hosts/' || h || '?exclude_software=true', body := struct_pack(host := {detail})))
        from (
            select h, {day} + to_seconds(615 + 86400 * s // {n}) as asked
            from range({hosts}) as t(h), range({n}) as u(s)
        )
        where asked < {day} + interval 1 day
        order by asked, h""",
    "unified_log": """
        select host_name(h) as host, to_json(struct_pack("timestamp" := strftime(ts, '%Y-%m-%d %H:%M:%S.%f+0000'),
            messageType := 'Default', eventType := 'logEvent', subsystem := m[2], category := m[3],
            processImagePath := '/usr/libexec/' || m[1], senderImagePath := '/usr/libexec/' || m[1],
            eventMessage := m[4] || ' ' || chance(i, 8, 100000), processID := 100 + h % 40, threadID := h,
            machTimestamp := i, bootUUID := host_uuid(h), "traceID" := i)) as line
        from (
            select i, i % {hosts} as h, moment(i, {n}) as ts, pick([
                row('mdmclient', 'com.apple.ManagedClient', 'HTTPUtil', 'Request done'),
                row('apsd', 'com.apple.apsd', 'courier', 'Stream processing: complete'),
                row('trustd', 'com.apple.securityd', 'policy', 'cert evaluated, trusted'),
                row('kernel', '', '', 'AppleKeyStore: operation ret: 0'),
                row('powerd', 'com.apple.powerd', 'sleepWake', 'Process assertiond created')
            ], i, 7) as m
            from range({n}) as t(i)
        )""",
}
_HOST = """struct_pack(id := h + 1, uuid := host_uuid(h), hardware_serial := format('ZX{{:08d}}', h),
    hostname := host_name(h), platform := 'darwin', os_version := 'macOS ' || (14 + h % 2) || '.' || (h % 6),
    orbit_version := '1.4' || (h % 4), primary_ip := address(h), team_id := h % 7, seen_time := strftime(
        if(h < {silent}, least(asked, timestamptz '2026-03-09 19:00:00+00'), asked) - interval 20 seconds,
        '%Y-%m-%dT%H:%M:%SZ'),
    detail_updated_at := strftime(asked - to_seconds(h % 3600), '%Y-%m-%dT%H:%M:%SZ'),
    last_enrolled_at := '2025-10-22T14:15:00Z',
    last_mdm_checked_in_at := strftime(asked - interval 30 minutes, '%Y-%m-%dT%H:%M:%SZ'), {mdm})"""
_MDM = "mdm := struct_pack(enrollment_status := 'On (automatic)', connected_to_fleet := true{profiles})"
_PROFILES = """, profiles := list_transform(range(4), lambda p: struct_pack(
    profile_uuid := 'a' || host_uuid(p), name := 'Profile ' || p, operation_type := 'install', detail := '',
    status := if(p = 0 and h between {silent} and {silent} + {stuck} - 1
            and asked > timestamptz '2026-03-09 23:00:00+00',
        'pending', 'verified')))"""


def write(folder: Path, events: int) -> None:
    """Write logs of about so many events below a folder; one that is there already is left as it is."""
    done = folder / "written"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    names = {"hosts": HOSTS, "stuck": STUCK, "silent": SILENT, "day": DAY}
    snapshots = max(12, round(events * 0.14 / 5 / HOSTS))
    names["host"] = _HOST.format(mdm=_MDM.format(profiles=""), **names)
    names["detail"] = _HOST.format(mdm=_MDM.format(profiles=_PROFILES.format(**names)), **names)
    con = duckdb.connect()
    con.execute(_SETUP)
    for name, query in _LINES.items():
        count = round(events * _SHARES[name]) if name in _SHARES else snapshots
        lines = query.format(n=count, **names)
        how = "format csv, header false, quote '', delimiter '\x01', escape ''"
        if name == "unified_log":
            con.execute(f"copy ({lines}) to '{folder / name}' ({how}, partition_by (host))")
        else:
            con.execute(f"copy ({lines}) to '{folder / name}.log' ({how})")
    done.touch()
