"""How the sources stood: the relation `source_states`, what is due when, and reading it beside a writer."""

import json
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import Runner

from lastseen import source_states, state
from lastseen.errors import UserError
from lastseen.period import Cron
from lastseen.project import Project
from lastseen.rhythm import following
from lastseen.source import Source
from lastseen.sources import Command, Files
from lastseen.state import Run, State

NOW = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
TOML = """
[sources.proxy]
kind = "files"
paths = ["/var/log/nginx/access.log"]
format = "nginx_access"
every = "5 minutes"
"""


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}:00+00:00")


def run_of(text: str, problem: str | None = None, **detail: object) -> Run:
    return Run("pull", "proxy", at(text), at(text) + timedelta(seconds=2), problem, detail)


@pytest.fixture
def known(project: Project) -> Iterator[State]:
    with State(project.state) as opened:
        yield opened


def states(project: Project, source: Source, now: datetime = NOW) -> source_states.SourceState:
    with state.look(project.state) as known:
        (one,) = source_states.read(known, {source.name: source}, now)
    return one


PROXY = Files(name="proxy", paths=("/var/log/nginx/access.log",), every=timedelta(minutes=5))


def test_a_project_without_sources_has_the_relation_and_no_row(
    project: Project, run: Runner
) -> None:
    shown = run("-C", project.root, "sql", "--format", "csv", "describe source_states")

    assert [line.split(",")[:2] for line in shown.out.splitlines()[1:]] == [
        ["source", "VARCHAR"],
        ["kind", "VARCHAR"],
        ["host", "VARCHAR"],
        ["formats", "VARCHAR[]"],
        ["every_s", "DOUBLE"],
        ["last_run", "TIMESTAMP WITH TIME ZONE"],
        ["last_good", "TIMESTAMP WITH TIME ZONE"],
        ["due", "TIMESTAMP WITH TIME ZONE"],
        ["failing_since", "TIMESTAMP WITH TIME ZONE"],
        ["problem", "VARCHAR"],
        ["absent", "VARCHAR[]"],
    ]
    assert not project.state.exists()


def test_sql_knows_of_a_source_what_was_known_at_the_moment(
    project: Project, known: State, run: Runner
) -> None:
    project.config.write_text(TOML, encoding="utf-8")
    known.note(run_of("10 09:55"))
    known.note(run_of("10 10:00", "it's \x1b[31mred\x00", absent=["mac-'031"]))
    known.note(run_of("10 10:20"))
    words = ("sql", "--format", "json", "from source_states", "--now")

    (then,) = json.loads(run("-C", project.root, *words, "2026-03-10T10:05:00Z").out)
    (later,) = json.loads(run("-C", project.root, *words, "2026-03-10T10:25:00Z").out)

    assert then == {
        "source": "proxy",
        "kind": "files",
        "host": None,
        "formats": ["nginx_access"],
        "every_s": 300.0,
        "last_run": "2026-03-10T10:00:02.000000Z",
        "last_good": "2026-03-10T09:55:02.000000Z",
        "due": "2026-03-10T10:00:00.000000Z",
        "failing_since": "2026-03-10T10:00:02.000000Z",
        "problem": "it's \\x1b[31mred\\x00",
        "absent": ["mac-'031"],
    }
    assert (later["failing_since"], later["problem"]) == (None, None)


def test_connect_carries_the_relation_into_another_duckdb(
    project: Project, known: State, run: Runner
) -> None:
    project.config.write_text(TOML, encoding="utf-8")
    known.note(run_of("10 10:00"))
    script = Path(run("-C", project.root, "connect", "--now", "2026-03-10T10:05:00Z").out.strip())

    with duckdb.connect() as con:
        con.execute(script.read_text(encoding="utf-8"))
        found = con.execute("select source, last_good::varchar from source_states").fetchall()

    assert found == [("proxy", "2026-03-10 10:00:02+00")]


def test_a_source_is_late_once_its_rhythm_and_as_much_again_are_over(
    project: Project, known: State
) -> None:
    known.note(run_of("10 10:00"))

    one = states(project, PROXY)

    assert one.due == at("10 10:05")
    assert [one.late(at(f"10 10:{minute}")) for minute in ("05", "10", "11")] == [
        False, False, True,
    ]  # fmt: skip


def test_a_source_of_every_ten_seconds_has_two_minutes(project: Project, known: State) -> None:
    known.note(run_of("10 10:00"))
    one = states(project, Files(name="proxy", paths=("x",), every=timedelta(seconds=10)))

    assert [one.late(at(f"10 10:0{minute}")) for minute in "23"] == [False, True]


def test_a_source_by_the_calendar_is_late_once_a_pull_could_be_done(
    project: Project, known: State
) -> None:
    known.note(run_of("09 05:00"))
    one = states(project, Files(name="proxy", paths=("x",), every=Cron("0 6 * * *", "Europe/Rome")))

    assert one.due == at("10 05:00")
    assert [one.late(at(f"10 05:{minute}")) for minute in ("00", "30", "31")] == [
        False, False, True,
    ]  # fmt: skip


def test_never_pulled_is_late_and_nothing_is_due_since(project: Project) -> None:
    one = states(project, PROXY)

    assert (one.late(NOW), one.due, one.next_due, one.last) == (True, None, None, None)


def test_it_fails_since_the_first_attempt_after_the_last_good_one(
    project: Project, known: State
) -> None:
    for text, problem in [("10 09:00", "a"), ("10 09:05", None), ("10 09:10", "b"), ("10 09:15", "c")]:  # fmt: skip
        known.note(run_of(text, problem))

    one = states(project, PROXY)

    assert one.failing_since == at("10 09:10") + timedelta(seconds=2)
    assert one.last is not None
    assert one.last.problem == "c"


def test_formats_are_those_that_are_said_else_those_that_runs_noted(
    project: Project, known: State
) -> None:
    known.note(run_of("10 10:00", formats=["fleet_server", "nginx_error"]))

    assert states(project, PROXY).formats == ["fleet_server", "nginx_error"]
    assert states(project, Command(name="proxy", preset="journald")).formats == ["journald"]
    assert states(project, Files(name="proxy", format="mysql_error")).formats == ["mysql_error"]


@pytest.mark.parametrize(
    ("line", "moment", "next_one"),
    [
        ("*/5 * * * *", "10 10:00", "10 10:05"),
        ("0 6 * * 1-5", "13 06:00", "16 06:00"),
        ("0 6 * * 0", "10 06:00", "15 06:00"),
        ("0 6 * * 7", "10 06:00", "15 06:00"),
        ("0 6 * * mon,thu", "10 06:00", "12 06:00"),
        ("0 6 * * 5-7", "13 06:00", "14 06:00"),
        ("0 6 */20 * *", "10 06:00", "21 06:00"),
        ("0 6 20 * 3", "10 06:00", "11 06:00"),
    ],
)
def test_a_cron_line_is_read_as_crontab_reads_it(line: str, moment: str, next_one: str) -> None:
    """The 10th of March 2026 is a Tuesday."""
    assert following(Cron(line), at(moment)) == at(next_one)


def test_an_hour_that_the_clock_skips_is_made_up_for_by_the_next_that_is_there() -> None:
    assert following(Cron("30 2 * * *", "Europe/Berlin"), at("28 12:00")) == at("29 01:30")


def test_a_day_that_never_comes_is_never_due() -> None:
    assert following(Cron("0 6 31 2 *"), NOW) is None


def test_state_is_read_while_another_process_writes(project: Project, known: State) -> None:
    known.note(run_of("10 10:00"))
    with known.change() as db:
        db.execute("update run set problem = 'half written'")

        assert states(project, PROXY).failing_since is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere: run it as another user")
def test_state_can_be_read_where_nothing_may_be_written(project: Project) -> None:
    with State(project.state) as known:
        known.note(run_of("10 10:00"))
    project.root.chmod(0o555)
    try:
        one = states(project, PROXY)
        there = sorted(path.name for path in project.root.iterdir())
    finally:
        project.root.chmod(0o755)

    assert one.good is not None
    assert "lastseen.sqlite" in there


def test_a_file_that_is_no_state_is_an_error_with_what_to_do(project: Project) -> None:
    project.state.write_bytes(b"no database at all, " * 100)

    with pytest.raises(UserError, match="move it away: what is in the lake and in the spool stays"):
        state.look(project.state)


def test_a_file_that_was_not_begun_is_as_if_there_was_none(project: Project) -> None:
    sqlite3.connect(project.state).close()
    project.state.touch()

    assert states(project, PROXY).last is None
