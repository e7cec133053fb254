"""Text that real systems wrote is read with the format found by itself, and what is a reject is truly broken."""

from pathlib import Path

from support import NOW, rows

from lastseen import intake
from lastseen.intake import Request
from lastseen.lake import Lake
from lastseen.project import Project

FORMATS = {
    "fleet/alb_access.log": "alb_access",
    "fleet/cron_alerts.txt": "fleet_server",
    "fleet/fleet_desktop.log": "orbit",
    "fleet/fleet_server_json.ndjson": "fleet_server",
    "fleet/fleet_server_logfmt.log": "fleet_server",
    "fleet/fleetctl_get_mdm_commands.txt": "fleet_commands",
    "fleet/go_tls_handshake.log": "fleet_server",
    "fleet/macos_unified_mdmclient.log": "unified_log",
    "fleet/mysql_innodb.log": "mysql_error",
    "fleet/nginx_access.log": "nginx_access",
    "fleet/orbit_zerolog_console.log": "orbit",
    "fleet/osquery_results_log.ndjson": "osquery_results",
    "fleet/osquery_snapshot_log.ndjson": "osquery_results",
    "fleet/osquery_status_log.ndjson": "osquery_status",
    "fleet/osqueryd_glog.log": "osquery_status",
    "unified/dtformats_decoded.jsonl.gz": "unified_log",
    "unified/mandiant_iterator_schema_sample.jsonl": "unified_log",
    "unified/mdm_message_shapes.ndjson": "unified_log",
    "unified/real_compact.log": "unified_log",
    "unified/real_default.log": "unified_log",
    "unified/real_full.ndjson": "unified_log",
    "unified/real_style_json_pretty.json": "unified_log",
    "unified/real_syslog.log": "unified_log",
    "unified/trimmed_by_authors.ndjson": "unified_log",
}
"""What is left out is no log: templates, fragments without a time, a README, an archive, pmset's own text."""


def test_each_file_is_read_by_the_format_found_for_it(project: Project, real_logs: Path) -> None:
    lake = Lake(project.root / "lake")
    request = Request([str(real_logs / name) for name in FORMATS], below=real_logs)

    results = intake.add(project, lake, request, NOW, lambda *_: None)

    assert {result.file: result.format for result in results} == FORMATS
    assert [result.problem for result in results if result.problem] == []
    assert [result.file for result in results if not result.rows] == []


def test_only_the_two_broken_lines_are_rejects(project: Project, real_logs: Path) -> None:
    lake = Lake(project.root / "lake")
    request = Request([str(real_logs / name) for name in FORMATS], below=real_logs)
    intake.add(project, lake, request, NOW, lambda *_: None)

    rejected = rows(lake, "rejects", "file, line, reason")

    reason = "its JSON is broken, so none of its values can be trusted"
    assert rejected == [
        ("fleet/fleet_server_json.ndjson", 4, reason),
        ("fleet/fleet_server_json.ndjson", 10, reason),
    ]
