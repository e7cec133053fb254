"""When a trouble is over, and when only nobody would have told of it: by logs that were really added."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import TINY, add, ingest_format

from lastseen import rulefile
from lastseen.project import Project
from lastseen.proof import Proof, Proven
from lastseen.sqlfile import SqlFile
from lastseen.workspace import Workspace

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NONE = timedelta()


def rule(query: str, **header: str) -> rulefile.Rule:
    header = {"title": "X", "severity": "low", "window": "1 day", "alert": "x"} | header
    return rulefile.parse(SqlFile(Path("x.sql"), header, {}, "", query, 1))


@pytest.fixture
def lines(project: Project) -> Project:
    """A project with two central logs, and one that each host writes."""
    ingest_format(project, TINY.replace("covers: host", "covers: fleet"), "proxy")
    ingest_format(project, TINY.replace("covers: host", "covers: fleet"), "server")
    ingest_format(project, TINY, "own")
    return project


def write(project: Project, form: str, minutes: Iterable[int], emitter: str) -> None:
    """Add a line for each of some minutes, counted from midnight."""
    log = project.root / f"{form}-{emitter}.txt"
    times = (f"{m // 60:02}:{m % 60:02}" for m in minutes)
    log.write_text("".join(f"2026-03-10T{time}:00Z mac-1 x\n" for time in times))
    add(project, log, format=form, host=emitter)


def proven(
    project: Project,
    one: rulefile.Rule,
    last: int,
    host: str | None = "mac-1",
    beyond: timedelta = NONE,
) -> Proven:
    """Ask at noon of a trouble whose last evidence lies at a minute of the day."""
    with Workspace.open(project.root).views(NOON) as views:
        until = NOON.replace(hour=0) + last * MINUTE
        return Proof(views, {"x": one}).proves("x", host, until, beyond)


def test_newer_lines_of_what_a_rule_reads_prove_that_it_is_over(lines: Project) -> None:
    write(lines, "proxy", range(0, 700, 10), "lb-1")

    assert proven(lines, rule("from proxy"), 680) == Proven(
        over=True,
        why="no longer found; last seen 2026-03-10 11:20 UTC, with logs up to 2026-03-10 11:30 UTC",
    )
    assert not proven(lines, rule("from proxy"), 690).over


def test_newer_lines_of_another_log_prove_nothing(lines: Project) -> None:
    write(lines, "proxy", range(0, 700, 10), "lb-1")
    write(lines, "server", range(0, 600, 10), "fleet-1")

    assert proven(lines, rule("from server"), 595) == Proven(
        over=False,
        why="not seen since 2026-03-10 09:55 UTC, but nothing collected since of server from fleet-1",
    )


def test_each_steady_log_that_was_collected_then_must_go_on(lines: Project) -> None:
    write(lines, "proxy", range(0, 700, 10), "lb-1")
    write(lines, "server", range(0, 600, 10), "fleet-1")
    both = rule("from proxy union all from server")

    assert proven(lines, both, 595).why.endswith("of server from fleet-1")
    assert proven(lines, both, 300).over
    assert proven(lines, both, 680).over, "the server's log had long ended when it was last seen"


def test_a_log_that_is_written_to_now_and_then_need_not_go_on(lines: Project) -> None:
    write(lines, "proxy", range(0, 700, 10), "lb-1")
    write(lines, "server", [100, 590], "fleet-1")

    assert proven(lines, rule("from proxy union all from server"), 595).over


def test_the_hosts_own_log_must_go_on_too_and_that_of_others_need_not(lines: Project) -> None:
    write(lines, "proxy", range(0, 700, 10), "lb-1")
    write(lines, "own", range(0, 600, 10), "mac-1")
    both = rule("from proxy union all from own")

    assert proven(lines, both, 595).why.endswith("of own from mac-1")
    assert proven(lines, both, 595, host="mac-2").over
    assert proven(lines, both, 595, host=None).over


def test_what_a_rule_says_that_it_needs_is_all_that_counts(lines: Project) -> None:
    write(lines, "proxy", range(0, 700, 10), "lb-1")
    write(lines, "server", range(0, 600, 10), "fleet-1")
    query = "from proxy union all from server"

    assert proven(lines, rule(query, needs="proxy"), 595).over
    assert proven(lines, rule(query, needs="own | proxy"), 595).over
    assert proven(lines, rule(query, needs="own | server, proxy"), 595).why == (
        "not seen since 2026-03-10 09:55 UTC, but nothing collected since of own or server"
    )


def test_the_logs_must_reach_as_far_as_it_must_be_quiet(lines: Project) -> None:
    write(lines, "proxy", range(0, 700, 10), "lb-1")
    hour = timedelta(hours=1)

    assert proven(lines, rule("from proxy"), 620, beyond=hour).why.startswith("nothing newer than")
    assert not proven(lines, rule("from proxy"), 640, beyond=hour).over


def test_a_rule_that_reads_no_log_is_believed(lines: Project) -> None:
    assert proven(lines, rule("from source_states"), 700).over


def test_a_host_that_was_deleted_has_no_trouble_any_more(project: Project) -> None:
    pages = project.root / "hosts.ndjson"
    page = (
        '{{"pulled_at": "2026-03-10T{hour}:00:00Z", "source": "fleet", '
        '"request": "/api/v1/fleet/hosts?page=0", "body": {{"hosts": [{hosts}]}}}}\n'
    )
    one, two = (f'{{"id": {n}, "hostname": "mac-{n}", "platform": "darwin"}}' for n in (1, 2))
    pages.write_text(
        page.format(hour="09", hosts=f"{one}, {two}") + page.format(hour="11", hosts=two)
    )
    add(project, pages, format="fleet_hosts")

    gone = proven(project, rule("from fleet_hosts"), 690)
    assert gone == Proven(over=True, why="the host is no longer in the inventory")
    assert not proven(project, rule("from fleet_hosts"), 690, host="mac-2").over
