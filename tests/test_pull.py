"""`lastseen pull`: each source by itself, what failed is told, and what was fetched is read once."""

import fcntl
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Runner
from support import TINY, ingest_format, lake_of, lines_of, messages, rows, tiny

from lastseen import arrivals, collect
from lastseen.errors import Exit
from lastseen.lake import Lake
from lastseen.project import Project
from lastseen.pull.spool import Note, Spool
from lastseen.sources import Files
from lastseen.state import State
from lastseen.workspace import Workspace

NOW = datetime(2026, 3, 11, tzinfo=UTC)
CONFIG = """
[sources.good]
kind = "files"
paths = ["logs/*.tiny"]
format = "tiny"

[sources.gone]
kind = "files"
paths = ["nowhere/*.log"]
every = "1 hour"
"""


@pytest.fixture
def configured(tiny_project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    tiny_project.config.write_text(CONFIG)
    (tiny_project.root / "logs").mkdir()
    (tiny_project.root / "logs" / "app.tiny").write_text(lines_of(range(3)))
    monkeypatch.chdir(tiny_project.root)
    return tiny_project


def test_a_source_that_fails_stops_no_other_and_is_exit_3(configured: Project, run: Runner) -> None:
    ran = run("pull")

    assert ran.code == Exit.PARTIAL
    assert len(messages(configured)) == 3
    assert "error: gone: " in ran.err
    assert "nowhere/*.log: there is no such file, so nothing is read from it" in ran.err


@pytest.mark.usefixtures("configured")
def test_only_what_is_due_is_pulled_unless_it_is_named(run: Runner) -> None:
    run("pull", "--now", "2026-03-10T06:00:00Z")
    due = run("pull", "--json", "--now", "2026-03-10T06:10:00Z")
    named = run("pull", "gone", "--now", "2026-03-10T06:10:00Z")

    assert (due.code, json.loads(due.out)["failed"]) == (0, [])
    assert named.code == Exit.PARTIAL


@pytest.mark.usefixtures("configured")
def test_json_says_what_each_source_brought(run: Runner) -> None:
    told = json.loads(run("pull", "--json").out)

    (file,) = told["files"]
    assert (file["source"], file["format"], file["rows"], file["rejects"]) == ("good", "tiny", 3, 0)
    assert [one["source"] for one in told["failed"]] == ["gone"]


def test_a_name_that_is_no_source_is_said_with_the_nearest(
    configured: Project, run: Runner
) -> None:
    ran = run("-C", configured.root, "pull", "god")

    assert ran.code == Exit.USAGE
    assert ran.err == "error: there is no source god; did you mean 'good'?\n"


def test_a_project_without_sources_says_what_is_missing(tiny_project: Project, run: Runner) -> None:
    ran = run("-C", tiny_project.root, "pull")

    assert ran.code == Exit.USAGE
    assert "has no [sources.NAME], so there is nothing to pull" in ran.err


def test_a_source_that_another_process_pulls_is_exit_75(configured: Project, run: Runner) -> None:
    configured.spool.mkdir()
    with (configured.spool / ".good.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ran = run("pull", "good")

    assert ran.code == Exit.LOCKED


def unit(project: Project, text: str, form: str | None = "tiny", now: datetime = NOW) -> None:
    """Put something into the spool as a source would."""
    with State(project.state) as state, Spool(state, project.spool, "app").draft() as draft:
        draft.write(text.encode())
        draft.keep([Note("app", form, "mac-1")], now)


def pull(project: Project) -> collect.Pulled:
    """Read what is in the spool of a source that brings nothing new."""
    empty = project.root / "empty.log"
    empty.touch()
    source = Files(name="app", paths=(str(empty),))
    return collect.pull(Workspace.open(project.root), source, NOW)


def waiting(project: Project) -> list[str]:
    with State(project.state) as state:
        return [unit.file.name for unit in Spool(state, project.spool, "app").waiting()]


def test_what_waits_in_the_spool_is_read_once_and_gone(tiny_project: Project) -> None:
    unit(tiny_project, tiny(1) + tiny(2))
    pull(tiny_project)
    pull(tiny_project)

    assert len(messages(tiny_project)) == 2
    assert waiting(tiny_project) == []
    assert [path.name for path in (tiny_project.spool / "app").iterdir()] == []


def test_the_same_bytes_pulled_again_are_new(tiny_project: Project) -> None:
    unit(tiny_project, tiny(1))
    pull(tiny_project)
    unit(tiny_project, tiny(1))
    pull(tiny_project)

    assert messages(tiny_project) == [tiny(1).strip(), tiny(1).strip()]


def test_a_unit_that_is_in_the_lake_already_is_not_read_again(tiny_project: Project) -> None:
    """A crash after the lake's commit and before the spool forgot leaves it there."""
    unit(tiny_project, tiny(1) + "no time\n")
    with State(tiny_project.state) as state:
        before = list(state.db.execute("select * from unit"))
        file = tiny_project.spool / "app" / str(before[0][1])
        text = file.read_bytes()
    pull(tiny_project)
    with State(tiny_project.state) as state:
        state.db.executemany("insert into unit values (?,?,?,?,?,?,?,?,?,?)", before)
    file.write_bytes(text)
    again = pull(tiny_project)

    assert [result.already for result in again.results] == [True]
    assert messages(tiny_project) == [tiny(1).strip()]
    assert len(rows(lake_of(tiny_project), "rejects")) == 1
    assert len(rows(lake_of(tiny_project), "coverage", order="ts")) == 1


def test_numbers_go_up_even_where_the_clock_went_back(tiny_project: Project) -> None:
    unit(tiny_project, tiny(1), now=NOW)
    pull(tiny_project)
    unit(tiny_project, tiny(2), now=datetime(2020, 1, 1, tzinfo=UTC))
    pull(tiny_project)

    assert len(messages(tiny_project)) == 2


def test_what_no_format_can_read_is_set_aside_and_told_once(tiny_project: Project) -> None:
    unit(tiny_project, "what is this\n", form=None)
    unit(tiny_project, tiny(1))
    first = pull(tiny_project)
    second = pull(tiny_project)

    assert 'app: no format in ingest/ recognises it; it begins "what is this"' in first.problems[0]
    assert second.problems == []
    assert messages(tiny_project) == [tiny(1).strip()]
    assert len(list((tiny_project.spool / "app").iterdir())) == 1


def test_what_was_set_aside_is_read_once_there_is_a_format_for_it(
    tiny_project: Project, run: Runner
) -> None:
    unit(tiny_project, "what is this 1\nwhat is this 2\n", form=None)
    pull(tiny_project)
    ingest_format(
        tiny_project,
        TINY.replace("^\\d{4}-\\d\\d-\\d\\d[T ]\\S+ \\S+ \\S", "^what").replace(
            "case\n        when regexp_matches(text, '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ ')\n"
            "        then try_cast(split_part(text, ' ', 1) as timestamptz)\n    end as ts",
            "timestamptz '2026-03-10' as ts",
        ),
        "what",
    )
    ran = run("-C", tiny_project.root, "replay")
    again = run("-C", tiny_project.root, "replay")

    assert ran.err == "note: app: 1 of 1 set aside are read now, 2 rows\n"
    assert again.err == ""
    assert len(rows(lake_of(tiny_project), "what")) == 2
    assert list((tiny_project.spool / "app").iterdir()) == []


def test_a_crash_while_writing_to_the_spool_leaves_nothing(tiny_project: Project) -> None:
    folder = tiny_project.spool / "app"
    folder.mkdir(parents=True)
    (folder / ".17.1.2").write_text(tiny(1))
    pull(tiny_project)

    assert messages(tiny_project) == []
    assert list(folder.iterdir()) == []


def test_two_formats_of_the_same_bytes_are_two_units(tiny_project: Project) -> None:
    (tiny_project.root / "ingest" / "other.sql").write_text(
        (tiny_project.root / "ingest" / "tiny.sql").read_text()
    )
    with (
        State(tiny_project.state) as state,
        Spool(state, tiny_project.spool, "app").draft() as draft,
    ):
        draft.write(tiny(1).encode())
        draft.keep([Note("app", "tiny"), Note("app", "other")], NOW)
    pull(tiny_project)

    lake = Lake(tiny_project.root / "lake")
    assert len(rows(lake, "tiny")) == len(rows(lake, "other")) == 1


def test_lines_are_counted_from_where_the_unit_begins(tiny_project: Project) -> None:
    with (
        State(tiny_project.state) as state,
        Spool(state, tiny_project.spool, "app").draft() as draft,
    ):
        draft.write((tiny(1) + tiny(2)).encode())
        draft.keep([Note("far.log", "tiny", line=101)], NOW)
    pull(tiny_project)

    assert rows(lake_of(tiny_project), "tiny", "file, line") == [("far.log", 101), ("far.log", 102)]


def test_what_was_fetched_waits_where_another_writes_to_the_lake(
    tiny_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_WAIT", timedelta(seconds=0.1))
    unit(tiny_project, tiny(1))
    with Path(tiny_project.lock).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = pull(tiny_project)

    assert done.problems == ["another lastseen is writing to this project; wait for it, or stop it"]
    assert waiting(tiny_project) == ["app"]
    pull(tiny_project)
    assert messages(tiny_project) == [tiny(1).strip()]
