"""A host is one host under all of its names, and an address is a host's only for as long as it was its."""

import json
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import Runner

from lastseen import database, formats, intake
from lastseen.intake import Request
from lastseen.project import Project
from lastseen.workspace import Workspace

if TYPE_CHECKING:
    from lastseen.views import Views

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
UUIDS = {number: f"{number:08X}-5C1D-4E0A-9F00-{number:012X}" for number in (31, 32)}


def host(number: int, **more: object) -> dict[str, Any]:
    """A Mac as Fleet's API gives it."""
    return {
        "id": number, "uuid": UUIDS.get(number, f"U-{number}"), "hardware_serial": f"ZX{number:06}",
        "hostname": f"mac-{number:03}", "computer_name": f"Mac of Unit {number}",
        "display_name": f"Unit {number}", "platform": "darwin", "os_version": "macOS 15.5",
        "primary_ip": f"192.0.2.{number}", "last_enrolled_at": "2026-01-12T08:00:00Z",
        "mdm": {"enrollment_status": "On (automatic)"}, **more,
    }  # fmt: skip


def page(at: str, *hosts: dict[str, Any]) -> str:
    """A snapshot of the list of hosts, each seen at that moment unless it says otherwise."""
    seen = f"2026-03-10T{at}Z"
    body = {"hosts": [{"seen_time": seen, "detail_updated_at": seen, **one} for one in hosts]}
    return json.dumps({"pulled_at": seen, "request": "/api/v1/fleet/hosts?page=0", "body": body})


def read(at: str, address: str, path: str = "/api/osquery/distributed/read", more: str = "") -> str:
    """A line of a proxy's log."""
    return f'{address} - - [10/Mar/2026:{at} +0000] "POST {path} HTTP/1.1" 200 67 "-" "x/1.0"{more}'


class Logs:
    """A project that logs are added to, and what its views say of them."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.views: Views | None = None

    def add(self, name: str, lines: Sequence[str], **options: str) -> None:
        """Add a log whose lines are all rows."""
        path = self.project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        lake = Workspace.open(self.project.root).lake
        (result,) = intake.add(
            self.project, lake, Request([str(path)], **options), NOW, lambda *_: None  # type: ignore[arg-type]
        )  # fmt: skip
        assert (result.problem, result.rejects, result.rows) == (None, 0, len(lines))

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        if self.views is None:
            self.views = Workspace.open(self.project.root).views(NOW)
        self.views.settle([query])
        found = self.views.con.sql(query).to_arrow_table()
        return [tuple(row.values()) for row in database.rows(found)]


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a project keeps of the formats: each test's project would find out the same, slowly."""
    project = Project(tmp_path_factory.mktemp("schemas"))
    formats.schemas(project, formats.load(project))
    return project.root / formats.CACHE


@pytest.fixture
def logs(project: Project, schemas: Path) -> Iterator[Logs]:
    shutil.copy(schemas, project.root)
    made = Logs(project)
    yield made
    if made.views is not None:
        made.views.close()


def inventory(logs: Logs, *pages: str) -> None:
    """Add snapshots, a file each."""
    for number, text in enumerate(pages):
        hosts = len(json.loads(text)["body"]["hosts"])
        path = logs.project.root / f"fleet_hosts_{number}.ndjson"
        path.write_text(text + "\n", encoding="utf-8")
        lake = Workspace.open(logs.project.root).lake
        (result,) = intake.add(
            logs.project, lake, Request([str(path)]), NOW, lambda *_: None
        )  # fmt: skip
        assert (result.problem, result.rows) == (None, hosts)


def test_one_host_is_found_by_each_of_its_names_in_each_log(logs: Logs) -> None:
    inventory(logs, page("09:00:00", host(31), host(32)), page("11:00:00", host(31), host(32)))
    logs.add("nginx_access.log", [read("10:00:00", "192.0.2.31")])
    server = {
        "level": "debug", "component": "http", "host_id": 31, "method": "POST",
        "uri": "/api/osquery/config", "took": "2ms", "ts": "2026-03-10T10:01:00Z",
    }  # fmt: skip
    logs.add("fleet_server.log", [json.dumps(server)])
    status = {
        "hostIdentifier": UUIDS[31].lower(), "calendarTime": "Tue Mar 10 10:02:00 2026 UTC",
        "unixTime": 1773136920, "severity": 1, "filename": "a.cpp", "line": 1, "message": "m", "version": "5.17.0",
    }  # fmt: skip
    logs.add("osquery_status.ndjson", [json.dumps(status)])
    logs.add("orbit.log", ["2026-03-10T10:03:00Z INF token rotated"], host="ZX000031")

    seen = logs.ask('select distinct host, "table" from checkins order by 1, 2')
    asked = [
        "31",
        UUIDS[31].lower(),
        "zx000031",
        "mac-031",
        "mac of unit 31",
        "unit 31",
        "192.0.2.31",
    ]
    names = logs.ask("select alias from aliases where host = 'mac-031' order by alias")

    assert seen == [
        ("mac-031", "fleet_hosts"), ("mac-031", "fleet_server"), ("mac-031", "nginx_access"),
        ("mac-031", "orbit"), ("mac-031", "osquery_status"), ("mac-032", "fleet_hosts"),
    ]  # fmt: skip
    assert names == sorted((name,) for name in asked)


def test_an_address_that_moved_is_each_hosts_on_its_side_of_the_move(logs: Logs) -> None:
    inventory(
        logs,
        page("09:00:00", host(31), host(32)),
        page("09:30:00", host(31), host(32)),
        page("10:00:00", host(31, primary_ip="192.0.2.77"), host(32, primary_ip="192.0.2.31")),
        page("11:00:00", host(31, primary_ip="192.0.2.77"), host(32, primary_ip="192.0.2.31")),
    )
    times = ("08:00:00", "09:15:00", "09:45:00", "10:30:00", "11:30:00")
    logs.add("nginx_access.log", [read(at, "192.0.2.31") for at in times])

    found = logs.ask(
        "select strftime(timezone('UTC', ts), '%H:%M'), host from checkins where \"table\" = 'nginx_access' order by ts"
    )
    requests = logs.ask("select host from requests order by ts")

    assert found == [
        ("08:00", "mac-031"), ("09:15", "mac-031"), ("09:45", "192.0.2.31"), ("10:30", "mac-032"),
        ("11:30", "mac-032"),
    ]  # fmt: skip
    assert requests == [(name,) for _, name in found]
    assert logs.ask("select host from aliases where alias = '192.0.2.31'") == []
    assert logs.ask("select addresses from hosts where host = 'mac-031'") == [
        (["192.0.2.77", "192.0.2.31"],)
    ]


def test_a_shared_uuid_is_reported_and_nothing_is_merged(logs: Logs) -> None:
    twins = (host(31), host(33, uuid=UUIDS[31]))
    inventory(logs, page("09:00:00", *twins), page("11:00:00", *twins))

    assert logs.ask("select host, kind, others, ongoing from duplicates order by host") == [
        ("mac-031", "uuid", ["mac-033"], True),
        ("mac-033", "uuid", ["mac-031"], True),
    ]
    assert logs.ask("select host from hosts order by host") == [("mac-031",), ("mac-033",)]
    assert logs.ask(f"select host from aliases where alias = lower('{UUIDS[31]}')") == []


def test_two_machines_with_one_hostname_are_two_hosts(logs: Logs) -> None:
    twins = [host(n, hostname="macbook.local", computer_name="MacBook") for n in (31, 32)]
    inventory(logs, page("09:00:00", *twins), page("11:00:00", *twins))

    assert logs.ask("select host from hosts order by host") == [
        ("macbook.local (ZX000031)",), ("macbook.local (ZX000032)",),
    ]  # fmt: skip
    assert (
        logs.ask("select alias from aliases where alias like 'macbook%' and alias not like '%(%'")
        == []
    )
    assert logs.ask("select distinct kind from duplicates") == [("hostname",)]


def test_two_hosts_with_one_computer_name_keep_their_own_names(logs: Logs) -> None:
    twins = [host(n, computer_name="MacBook Pro") for n in (31, 32)]
    inventory(logs, page("09:00:00", *twins))

    assert logs.ask("select host from aliases where alias = 'macbook pro'") == []
    assert logs.ask("select host from aliases where alias in ('mac-031', 'zx000032') order by 1") == [
        ("mac-031",), ("mac-032",),
    ]  # fmt: skip


def test_a_renamed_host_keeps_its_past(logs: Logs) -> None:
    inventory(logs, page("09:00:00", host(31)), page("11:00:00", host(31, hostname="Design-7")))

    assert logs.ask("select host from hosts") == [("Design-7",)]
    assert logs.ask("select distinct host from checkins") == [("Design-7",)]
    assert logs.ask("select host from aliases where alias = 'mac-031'") == [("Design-7",)]


def test_a_deleted_host_is_no_host_but_its_name_is_known(logs: Logs) -> None:
    inventory(logs, page("09:00:00", host(31), host(32)), page("11:00:00", host(32)))

    assert logs.ask("select host from hosts") == [("mac-032",)]
    assert logs.ask("select host from aliases where alias = 'zx000031'") == [("mac-031",)]


def test_channels_tell_dead_mdm_from_mdm_that_nobody_logs(logs: Logs) -> None:
    phone = host(40, platform="ios", seen_time=None)
    inventory(logs, page("09:00:00", host(31), host(32), phone))
    logs.add(
        "nginx_access.log",
        [
            read("10:00:00", "192.0.2.31"),
            read("10:01:00", "192.0.2.32"),
            read("10:02:00", "192.0.2.32", "/mdm/apple/mdm"),
        ],
    )
    query = "select host, osquery is not null, mdm is not null, visible from channels order by host"

    assert logs.ask(query) == [
        ("mac-031", True, False, ["mdm", "osquery", "seen"]),
        ("mac-032", True, True, ["mdm", "osquery", "seen"]),
        ("mac-040", False, False, ["mdm", "osquery", "seen"]),
    ]


def test_behind_a_balancer_the_host_is_the_first_that_was_forwarded(logs: Logs) -> None:
    inventory(logs, page("09:00:00", host(31), host(32)))
    logs.add(
        "nginx_access.log", [read("10:00:00", "203.0.113.9", more=' "192.0.2.31, 203.0.113.4"')]
    )

    assert logs.ask("select host from requests") == [("mac-031",)]


@pytest.mark.parametrize("name", ["mac-031", "MAC-031", "zx000031", "31", "Mac of Unit 31"])
def test_gaps_takes_any_name_in_any_case(logs: Logs, run: Runner, name: str) -> None:
    inventory(logs, page("09:00:00", host(31)))
    logs.add("nginx_access.log", [read("09:00:00", "192.0.2.31")])

    ran = run("-C", logs.project.root, "gaps", name, "--now", "2026-03-10T12:00:00Z")

    assert (ran.code, "no host is called" in ran.err) == (0, False)
