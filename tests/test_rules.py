"""Every rule finds what it should: `tests/rules/RULE/CASE/` holds logs as they would be added.

A `HOST/` inside a case holds that host's own logs, `lastseen.toml` its policy and its sources, `runs.json` how
the pulls of these went. `findings.json` says at what
moment the rule judges (`now`) and what it must say: each finding is a claim about a host. A case called
`fires…` has findings, one called `quiet…` has none: it looks the same and is harmless, or nobody can know.
`pytest --update-golden` writes the findings of a case whose `now` is there: read them before you commit.
"""

import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Runner

from lastseen import formats, intake, rulefile
from lastseen.hostpath import HOST
from lastseen.intake import Request
from lastseen.period import moment, rfc3339
from lastseen.project import CONFIG, Project, shipped
from lastseen.state import Run, State
from lastseen.workspace import Workspace

CASES = Path(__file__).parent / "rules"
EXPECTED = "findings.json"
RUNS = "runs.json"
WRITTEN = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
"""When each log was last changed, for formats that take the year from it."""


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a project keeps of the formats: each case's project would find out the same, slowly."""
    project = Project(tmp_path_factory.mktemp("schemas"))
    formats.schemas(project, formats.load(project))
    return project.root / formats.CACHE


@pytest.fixture
def asked(project: Project, schemas: Path) -> Project:
    shutil.copy(schemas, project.root)
    return project


def cases() -> list[Path]:
    return sorted(path for path in CASES.glob("*/*") if path.is_dir())


@pytest.mark.parametrize("case", cases(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_rule_finds_what_its_case_says(
    case: Path, asked: Project, request: pytest.FixtureRequest
) -> None:
    expected = json.loads((case / EXPECTED).read_text(encoding="utf-8"))
    now = moment(expected["now"], datetime.now(UTC))
    got = {"now": expected["now"], "findings": found(case, asked, now)}
    if request.config.getoption("--update-golden"):
        text = json.dumps(got, ensure_ascii=False, indent=2)
        (case / EXPECTED).write_text(text + "\n", encoding="utf-8")
        expected = got

    assert got == expected
    assert bool(got["findings"]) == case.name.startswith("fires")


@pytest.mark.parametrize("name", sorted(rulefile.load(Project(shipped()))))
def test_a_rule_has_a_case_that_fires_and_one_that_is_quiet(name: str) -> None:
    there = [path.name for path in cases() if path.parent.name == name]

    for kind in ("fires", "quiet"):
        wanted = CASES / name / f"{kind}_when" / EXPECTED
        assert any(case.startswith(kind) for case in there), f"there is no {wanted}, nor its like"


def test_a_case_is_of_a_rule_and_says_which_kind_it_is() -> None:
    known = rulefile.load(Project(shipped()))

    assert {path.parent.name for path in cases()} <= set(known)
    assert [p for p in cases() if not p.name.startswith(("fires_", "quiet_"))] == []


def test_since_looks_further_back_than_the_window_of_a_rule(asked: Project, run: Runner) -> None:
    add(
        CASES / "heartbeat_gap/fires_back_after_20_minutes",
        asked,
        datetime(2026, 3, 12, tzinfo=UTC),
    )
    words = ("-C", asked.root, "check", "heartbeat_gap", "--json", "--now", "2026-03-12T00:00:00Z")

    assert json.loads(run(*words).out)["findings"] == []
    (gap,) = json.loads(run(*words, "--since", "T-3d").out)["findings"]
    assert gap["since"] == "2026-03-10T09:16:00.000000Z"


def test_fail_on_is_1_only_for_findings_as_bad_as_that(asked: Project, run: Runner) -> None:
    now = "2026-03-10T10:05:00Z"
    for case in ("heartbeat_gap/fires_silent_and_stays", "certificate_refused/fires_wrong_name"):
        add(CASES / case, asked, moment(now, datetime.now(UTC)))

    def code(*words: str) -> int:
        return run("-C", asked.root, "check", "--now", now, *words).code

    assert code() == 0
    assert code("heartbeat_gap", "--fail-on", "medium") == 1
    assert code("heartbeat_gap", "--fail-on", "high") == 0
    assert code("--fail-on", "high") == 1
    assert code("--fail-on", "critical") == 0
    assert code("--fail-on", "awful") == 2


def test_the_same_moment_gives_the_same_findings(asked: Project, run: Runner) -> None:
    """Whatever was added since about later times, and however often it is asked."""
    now = "2026-03-10T10:05:00Z"
    add(CASES / "heartbeat_gap/fires_silent_and_stays", asked, moment(now, datetime.now(UTC)))
    words = ("-C", asked.root, "check", "--json", "--dry-run", "--now", now)
    first = run(*words).out

    late = asked.root / "nginx_access.log"
    late.write_text(
        '192.0.2.31 - - [10/Mar/2026:10:06:00 +0000] "POST /api/osquery/distributed/read HTTP/1.1"'
        ' 200 67 "-" "osquery/5.17.0"\n'
    )
    later = datetime(2026, 3, 10, 11, tzinfo=UTC)
    intake.add(asked, Workspace.open(asked.root).lake, Request([str(late)]), later, lambda *_: None)

    assert json.loads(first)["findings"]
    assert run(*words).out == first


def test_a_failed_source_makes_no_host_silent(asked: Project, run: Runner) -> None:
    """Fleet's log is not collected since 07:40; whether its hosts checked in since, nobody knows."""
    case = CASES / "source_failing/fires_central_log_not_collected"
    add(case, asked, moment("2026-03-10T10:05:00Z", datetime.now(UTC)))

    told = json.loads(
        run("-C", asked.root, "check", "--json", "--now", "2026-03-10T10:05:00Z").out
    )["findings"]
    states = run(
        "-C", asked.root, "sql", "--format", "csv", "--now", "2026-03-10T10:05:00Z",
        "select host, state from heartbeat_states order by host",
    ).out  # fmt: skip

    assert [(one["rule"], one["host"]) for one in told] == [("source_failing", None)]
    assert states.splitlines() == ["host,state", "mac-031,unknown", "mac-032,unknown"]


def found(case: Path, project: Project, now: datetime) -> list[dict[str, Any]]:
    """Add a case's logs to a project of its own and ask its rule."""
    space = add(case, project, now)
    findings, views = space.check(now, [case.parent.name])
    views.close()
    return [
        {
            "host": one.host,
            "since": rfc3339(one.since),
            "until": rfc3339(one.until),
            "summary": one.summary,
        }
        for one in findings
    ]


def add(case: Path, project: Project, now: datetime) -> Workspace:
    """Add a case's logs, its policy, and how its pulls went; each line must be a row."""
    own = {EXPECTED, CONFIG, RUNS}
    logs = [path for path in case.rglob("*") if path.is_file() and path.name not in own]
    for path in logs:
        os.utime(path, (WRITTEN, WRITTEN))
    if (case / CONFIG).exists():
        project.config.write_bytes((case / CONFIG).read_bytes())
    if (case / RUNS).exists():
        note_runs(project, json.loads((case / RUNS).read_text(encoding="utf-8")))
    here = [str(path) for path in sorted(logs) if path.parent == case]
    paths = [*here, *([str(case / HOST / "*")] if len(here) < len(logs) else [])]
    space = Workspace.open(project.root)
    results = intake.add(project, space.lake, Request(paths, below=case), now, lambda *_: None)
    assert [(r.file, r.problem or r.rejects) for r in results if r.problem or r.rejects] == []
    assert sum(result.rows for result in results) > 0
    return space


def note_runs(project: Project, runs: list[dict[str, Any]]) -> None:
    """Note runs as they are in `runs.json`: a `Run` each, its times as RFC 3339."""
    with State(project.state) as state:
        for run in runs:
            times = {key: datetime.fromisoformat(run[key]) for key in ("started", "finished")}
            state.note(Run(**{"kind": "pull", **run, **times}))
