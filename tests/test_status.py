"""`lastseen status`: what it says of sources, formats, jobs and the disk, and that it disturbs nobody."""

import contextlib
import fcntl
import json
import os
import re
import struct
import subprocess
import termios
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Runner
from support import add, command, lines_of

from lastseen import disk, lock
from lastseen.project import Project
from lastseen.pull.spool import Note, Spool
from lastseen.state import Run, State

NOW = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
TOML = """
[sources.fleet-server]
kind = "files"
paths = ["/var/log/fleet/*.log"]
every = "5 minutes"
[sources.macs]
kind = "ssh"
hosts = ["mac-014", "mac-015", "mac-016"]
preset = "unified_log"
every = "30 minutes"
"""


@pytest.fixture
def known(project: Project) -> Iterator[State]:
    project.config.write_text(TOML, encoding="utf-8")
    with State(project.state) as opened:
        yield opened


def ran(
    known: State,
    name: str,
    minutes: int,
    problem: str | None = None,
    kind: str = "pull",
    **detail: object,
) -> None:
    started = NOW - timedelta(minutes=minutes)
    known.note(Run(kind, name, started, started + timedelta(seconds=2), problem, detail))


def first_line(project: Project, run: Runner) -> tuple[int, str]:
    shown = run("-C", project.root, "status", "--now", "2026-03-10T10:05:00Z")
    assert shown.err == ""
    return shown.code, shown.out.splitlines()[0]


def as_json(project: Project, run: Runner) -> dict[str, object]:
    shown = run("-C", project.root, "status", "--json", "--now", "2026-03-10T10:05:00Z")
    found: dict[str, object] = json.loads(shown.out)
    return found


def test_where_nothing_is_pulled_it_says_so_and_that_is_no_failure(
    project: Project, run: Runner
) -> None:
    assert first_line(project, run) == (0, "nothing is pulled here: no [sources] in lastseen.toml")
    assert not project.state.exists()


def test_all_on_time(project: Project, known: State, run: Runner) -> None:
    ran(known, "fleet-server", 4)
    ran(known, "macs", 20)

    assert first_line(project, run) == (0, "all 2 sources are on time")


def test_a_late_source_is_named_with_its_last_good_pull(
    project: Project, known: State, run: Runner
) -> None:
    ran(known, "fleet-server", 52)
    ran(known, "fleet-server", 3, "/var/log/fleet/fleet.log: Permission denied")
    ran(known, "macs", 20)

    assert first_line(project, run) == (
        3, "fleet-server is late: last good pull 09:13, 51 min ago; 1 other is on time",
    )  # fmt: skip


def test_one_failed_attempt_is_told_before_the_source_is_late(
    project: Project, known: State, run: Runner
) -> None:
    ran(known, "fleet-server", 6)
    ran(known, "fleet-server", 1, "no route to host")
    ran(known, "macs", 20)

    assert first_line(project, run) == (
        3, "the last pull of fleet-server failed: last good pull 09:59, 5 min ago; 1 other is on time",
    )  # fmt: skip


def test_never_pulled_and_a_failed_job_are_told(
    project: Project, known: State, run: Runner
) -> None:
    ran(known, "macs", 20)
    ran(known, "nightly", 245, "the disk is full", kind="report")

    assert first_line(project, run) == (
        3, "fleet-server was never pulled; 1 other is on time; report nightly failed",
    )  # fmt: skip


def test_a_run_after_the_moment_is_not_seen(project: Project, known: State, run: Runner) -> None:
    ran(known, "fleet-server", 4)
    ran(known, "macs", 20)
    ran(known, "macs", -5, "connection refused")

    assert first_line(project, run)[0] == 0


def test_json_has_what_was_measured_and_null_for_what_was_not(
    project: Project, known: State, run: Runner
) -> None:
    ran(known, "macs", 600, rows=40, newest=NOW - timedelta(minutes=610))
    ran(known, "macs", 20, rows=2, newest=NOW - timedelta(minutes=21), wanted=3, absent=["mac-016"])

    found = as_json(project, run)

    assert list(found) == ["now", "late", "sources", "formats", "jobs", "spool", "disk"]
    assert found["late"] == ["fleet-server"]
    assert found["sources"][1] == {  # type: ignore[index]
        "name": "macs", "kind": "ssh", "state": "on time", "every_s": 1800.0, "cron": None,
        "last_run": "2026-03-10T09:45:02.000000Z", "last_good": "2026-03-10T09:45:02.000000Z",
        "next_due": "2026-03-10T10:15:00.000000Z", "failing_since": None, "problem": None,
        "rows": 2, "rows_day": 42, "newest": "2026-03-10T09:44:00.000000Z", "lag_s": 1260.0,
        "wanted": 3, "absent": ["mac-016"], "waiting": 0, "set_aside": [],
    }  # fmt: skip
    unknown = found["sources"][0]  # type: ignore[index]
    assert (unknown["rows"], unknown["newest"], unknown["lag_s"]) == (None, None, None)
    assert found["disk"]["growth_bytes_a_day"] is None  # type: ignore[index]


def test_lag_is_told_of_a_source_that_brought_nothing_for_days(
    project: Project, known: State, run: Runner
) -> None:
    ran(known, "macs", 60 * 49, rows=40, newest=NOW - timedelta(hours=50))
    ran(known, "macs", 20, rows=0, newest=None)

    source = as_json(project, run)["sources"][1]  # type: ignore[index]

    assert (source["lag_s"], source["rows_day"]) == (180_000.0, 0)


def test_formats_tell_their_newest_event_their_hours_and_their_rejects(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    log = tmp_path / "a.tiny"
    log.write_text(lines_of([3600, 7200, 7201, 36_000]) + "broken\n", encoding="utf-8")
    add(tiny_project, log, now=NOW - timedelta(days=2))
    log.write_text(lines_of([3600, 7200, 7201, 36_000]) + "broken\nbroken too\n", encoding="utf-8")
    add(tiny_project, log, now=NOW)

    assert as_json(tiny_project, run)["formats"] == [
        {
            "format": "tiny", "newest": "2026-03-10T10:00:00.000000Z", "hours": 3,
            "rejects": 2, "rejects_day": 1,
        }
    ]  # fmt: skip


def test_what_waits_and_what_was_set_aside_is_told_with_how_to_go_on(
    project: Project, known: State, run: Runner
) -> None:
    ran(known, "macs", 20)
    ran(known, "fleet-server", 2)
    for source in ("macs", "gone"):
        spool = Spool(known, project.spool, source)
        for text in (b"one\n", b"two\n"):
            with spool.draft() as draft:
                draft.write(text)
                draft.keep([Note("mac-014:/x")], NOW)
    aside = Spool(known, project.spool, "macs")
    aside.refuse(aside.waiting()[0], "no format in ingest/ recognises it")
    number = int(NOW.timestamp()) * 1_000_000

    shown = run("-C", project.root, "status", "--now", "2026-03-10T10:05:00Z")
    found = as_json(project, run)

    assert shown.out.splitlines()[7:11] == [
        "macs: 1 unit in the spool, to be read by the next pull",
        (
            f"macs: 1 unit is set aside, for nothing could read what came: spool/macs/{number}: "
            "no format in ingest/ recognises it"
        ),
        "macs: give the source its format, or add or mend one in ingest/, then: lastseen replay",
        (
            "2 units in the spool of gone, which is not in lastseen.toml: "
            "put it back there and pull, or add what lies in spool/gone"
        ),
    ]
    assert found["spool"] == {"waiting": 1, "set_aside": 1, "of_no_source": {"gone": 2}}


def test_hostile_names_and_problems_are_shown_and_not_obeyed(
    project: Project, known: State, run: Runner
) -> None:
    ran(
        known,
        "macs",
        20,
        "\x1b[2J\u202eevil [bold]x[/bold]\nnext",
        wanted=3,
        absent=["mac-\x07\x1b]0;t"],
    )

    shown = run("-C", project.root, "status", "--now", "2026-03-10T10:05:00Z")

    assert "macs: \\x1b[2J\\u202eevil [bold]x[/bold] next\n" in shown.out
    assert "macs: could not be reached: mac-\\x07\\x1b]0;t\n" in shown.out
    assert "\x1b" not in shown.out + shown.err


def on_a_terminal(project: Project, columns: int) -> list[str]:
    """What it prints on a terminal of so many columns."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    environment["TERM"] = "xterm"
    words = command(project, "status", "--now", "2026-03-10T10:05:00Z")
    with subprocess.Popen(words, stdout=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError), open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123
            while part := terminal.read(4096):
                shown += part
    assert process.returncode == 3
    plain = re.sub(r"\x1b\[\d*m", "", shown.decode())
    return [line.rstrip() for line in plain.splitlines()]


def test_it_fits_a_terminal_of_80_columns(project: Project, known: State) -> None:
    ran(known, "fleet-server", 52, rows=12_345)
    ran(known, "macs", 20, rows=91_234, wanted=2000, absent=["mac-014"])

    narrow, wide = on_a_terminal(project, 80), on_a_terminal(project, 120)

    assert max(map(len, narrow)) <= 80
    assert narrow[2:6] == [
        "source         state     good    next      rows   in a day   lag         hosts",
        "──────────────────────────────────────────────────────────────────────────────",
        "fleet-server   late      09:13   now     12,345     12,345     ?",
        "macs           on time   09:45   10:15   91,234     91,234     ?   1,999/2,000",
    ]
    assert wide[2].split()[:2] == ["source", "kind"]


def test_it_takes_no_lock_and_waits_for_none(project: Project, known: State, run: Runner) -> None:
    ran(known, "fleet-server", 4)
    ran(known, "macs", 20)
    with lock.writing(project.lock, "pull"), known.change() as db:
        db.execute("update run set problem = 'half written'")

        assert first_line(project, run) == (0, "all 2 sources are on time")


DAYS = {date(2026, 3, 10) - timedelta(days=number): 1000 * number for number in range(10)}


def measured(tmp_path: Path, days: dict[date, int], keep: timedelta | None = None) -> disk.Disk:
    return disk.measure(tmp_path, tmp_path, tmp_path / "none", days, date(2026, 3, 10), keep)


def test_growth_is_the_mean_of_the_week_before_today(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    found = measured(tmp_path, DAYS)

    assert (found.lake_bytes, found.spool_bytes, found.growth_bytes_a_day) == (5, 0, 4000)
    assert found.days_left == found.free_bytes // 4000


def test_no_growth_is_told_of_a_lake_younger_than_a_week(tmp_path: Path) -> None:
    young = {day: size for day, size in DAYS.items() if day > date(2026, 3, 4)}

    assert measured(tmp_path, young).growth_bytes_a_day is None
    assert measured(tmp_path, young).days_left is None
    assert measured(tmp_path, {}).days_left is None


def test_a_lake_that_grows_no_more_because_of_keep_has_no_last_day(tmp_path: Path) -> None:
    found = measured(tmp_path, DAYS, timedelta(days=9))
    too_much = measured(tmp_path, dict.fromkeys(DAYS, 10**18), timedelta(days=90))

    assert (found.keep_fits, found.days_left) == (True, None)
    assert (too_much.keep_fits, too_much.days_left) == (False, 0)


def test_the_disk_is_that_of_the_project(tmp_path: Path) -> None:
    stat = os.statvfs(tmp_path)

    found = measured(tmp_path, {})

    assert abs(found.free_bytes - stat.f_bavail * stat.f_frsize) < 1 << 30
