"""Every rule finds what it should: `tests/rules/RULE/CASE/` holds logs as they would be added.

A `HOST/` inside a case holds that host's own logs, `lastseen.toml` its policy. `findings.json` says at what
moment the rule judges (`now`) and what it must say: each finding is a claim about a host. A case called
`fires…` has findings, one called `quiet…` has none: it looks the same and is harmless, or nobody can know.
`pytest --update-golden` writes the findings of a case whose `now` is there: read them before you commit.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lastseen import demo, intake, rules
from lastseen.intake import HOST, Request
from lastseen.period import moment, rfc3339
from lastseen.project import CONFIG, Project, shipped
from lastseen.workspace import Workspace

CASES = Path(__file__).parent / "rules"
EXPECTED = "findings.json"
WRITTEN = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
"""When each log was last changed, for formats that take the year from it."""
NOW = rfc3339(demo.NOW)


def cases() -> list[Path]:
    return sorted(path for path in CASES.glob("*/*") if path.is_dir())


@pytest.mark.parametrize("case", cases(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_rule_finds_what_its_case_says(
    case: Path, project: Project, request: pytest.FixtureRequest
) -> None:
    expected = json.loads((case / EXPECTED).read_text(encoding="utf-8"))
    now = moment(expected["now"], datetime.now(UTC))
    got = {"now": expected["now"], "findings": found(case, project, now)}
    if request.config.getoption("--update-golden"):
        text = json.dumps(got, ensure_ascii=False, indent=2)
        (case / EXPECTED).write_text(text + "\n", encoding="utf-8")
        expected = got

    assert got == expected
    assert bool(got["findings"]) == case.name.startswith("fires")


@pytest.mark.parametrize("name", sorted(rules.load(Project(shipped()))))
def test_a_rule_has_a_case_that_fires_and_one_that_is_quiet(name: str) -> None:
    there = [path.name for path in cases() if path.parent.name == name]

    for kind in ("fires", "quiet"):
        wanted = CASES / name / f"{kind}_when" / EXPECTED
        assert any(case.startswith(kind) for case in there), f"there is no {wanted}, nor its like"


def test_a_case_is_of_a_rule_and_says_which_kind_it_is() -> None:
    known = rules.load(Project(shipped()))

    assert {path.parent.name for path in cases()} <= set(known)
    assert [p for p in cases() if not p.name.startswith(("fires_", "quiet_"))] == []


def found(case: Path, project: Project, now: datetime) -> list[dict[str, Any]]:
    """Add a case's logs to a project of its own and ask its rule."""
    logs = [
        path for path in case.rglob("*") if path.is_file() and path.name not in {EXPECTED, CONFIG}
    ]
    for path in logs:
        os.utime(path, (WRITTEN, WRITTEN))
    if (case / CONFIG).exists():
        project.config.write_bytes((case / CONFIG).read_bytes())
    here = [str(path) for path in sorted(logs) if path.parent == case]
    paths = [*here, *([str(case / HOST / "*")] if len(here) < len(logs) else [])]
    space = Workspace.open(project.root)
    results = intake.add(project, space.lake, Request(paths, below=case), now, lambda *_: None)
    assert [(r.file, r.problem or r.rejects) for r in results if r.problem or r.rejects] == []
    assert sum(result.rows for result in results) > 0

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
