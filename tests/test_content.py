"""The shipped content is sound, and what is wrong with a file of content is said with its place."""

from pathlib import Path

import pytest

from lastseen import lint
from lastseen.project import Project
from lastseen.workspace import Workspace

FORMAT = """-- title:  Door log
-- files:  door*.log
-- sniff:  ^\\d{4}-\\S+ DOOR
-- covers: fleet
--
-- A door that opened.
--
select
    try_cast(text[:10] as timestamptz) as ts,
    null as host,
    emitter,
    null as level,
    'door' as process,
    text as message,
    file,
    line
from records
"""
RULE = """-- title:    Door open
-- severity: low
-- window:   24 hours
-- alert:    {host} left {what} open
--
-- Somebody did not shut it.
--
select host, min(ts) as since, max(ts) as until, any_value(message) as what
from events
group by host
"""
BROKEN = [
    ("ingest", "unknown field", FORMAT, "covers:", "cover:", 4, "unknown field 'cover'; did you mean 'covers'?"),
    ("ingest", "no regular expression", FORMAT, "DOOR\n", "(DOOR\n", 3, "sniff is no regular expression"),
    ("ingest", "wrong first columns", FORMAT, "    emitter,\n", "", 8, "the first columns must be ts, host, emitter"),
    ("ingest", "wrong type", FORMAT, "timestamptz", "timestamp", 8, 'column "ts" must be timestamp[us, tz=UTC]'),
    ("ingest", "no prose", FORMAT, "-- A door that opened.\n", "", 7, "there is no prose"),
    ("ingest", "unknown column", FORMAT, "text as message", "txt as message", 8, 'Referenced column "txt" not found'),
    ("rules", "unknown severity", RULE, "low", "lowest", 2, "severity is one of low, medium, high, critical"),
    ("rules", "unknown cause", RULE, "-- window", "-- explains: gremlins\n-- window", 3, 'called "gremlins"'),
    ("rules", "unknown strength", RULE, "-- window", "-- strength: huge\n-- window", 3, "strength is one of"),
    ("rules", "unknown table", RULE, "-- window", "-- needs: orbt | events\n-- window", 3, 'did you mean "orbit"?'),
    ("rules", "no span", RULE, "24 hours", "a while", 3, '"a while" is no span of time'),
    ("rules", "alert names no column", RULE, "{what}", "{door}", 4, "alert names 'door'"),
    ("rules", "no since", RULE, "min(ts) as since, ", "", 8, "the query must return since"),
    ("rules", "unknown view", RULE, "from events", "from evnts", 8, "Table with name evnts does not exist"),
]  # fmt: skip


def test_the_shipped_content_is_sound(project: Project) -> None:
    assert [str(problem) for problem in lint.problems(Workspace.open(project.root))] == []


@pytest.mark.parametrize("case", BROKEN, ids=[name for _, name, *_ in BROKEN])
def test_a_broken_file_is_named_with_its_line(
    case: tuple[str, str, str, str, str, int, str], project: Project
) -> None:
    folder, _, text, old, new, line, what = case
    path = write(project, folder, text.replace(old, new))
    if folder == "ingest":
        write_sample(project)

    found = [p for p in lint.problems(Workspace.open(project.root)) if p.path == path]

    assert [(p.line, p.what.startswith(what) or what in p.what) for p in found][:1] == [
        (line, True)
    ]


def test_a_sound_format_and_rule_of_a_user_have_no_problem(project: Project) -> None:
    write(project, "ingest", FORMAT)
    write(project, "rules", RULE)
    write_sample(project)

    assert list(lint.problems(Workspace.open(project.root))) == []


def test_a_format_without_a_sample_is_told_where_to_put_one(project: Project) -> None:
    path = write(project, "ingest", FORMAT)

    (problem,) = lint.problems(Workspace.open(project.root))

    sample = project.root / "sample_logs" / "door.log"
    assert (problem.path, problem.what) == (path, f"there is no sample of it; write {sample}")


def test_a_sample_that_another_format_claims_is_named(project: Project) -> None:
    write(project, "ingest", FORMAT)
    sample = write_sample(
        project, '192.0.2.1 - - [10/Mar/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 9\n'
    )

    (problem,) = lint.problems(Workspace.open(project.root))

    assert (problem.path, problem.what) == (
        sample,
        "the sample of door is claimed by nginx_access; sharpen its sniff",
    )


def write(project: Project, folder: str, text: str) -> Path:
    path = project.root / folder / "door.sql"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    return path


def write_sample(project: Project, text: str = "2026-03-10 DOOR mac-015\n") -> Path:
    path = project.root / "sample_logs" / "door.log"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
