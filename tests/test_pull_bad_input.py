"""A hostile world and a careless admin: each costs one sentence, the rest goes on, and nothing is lost."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from conftest import Runner
from support import TINY, command, ingest_format, lines_of, messages, rejected, tiny

from lastseen import collect
from lastseen.errors import Exit
from lastseen.project import Project
from lastseen.pull.spool import Note, Spool
from lastseen.sources import Files
from lastseen.state import State
from lastseen.workspace import Workspace

NOW = datetime(2026, 3, 11, tzinfo=UTC)
FILES = """
[sources.app]
kind = "files"
paths = ["logs/*.tiny"]
"""
PRINTS = """
[sources.{name}]
kind = "command"
command = ["cat", "{path}"]
format = "tiny"
retries = 0
"""


@pytest.fixture
def logs(tiny_project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the one source reads; a log of three lines is in it, quiet since an hour."""
    tiny_project.config.write_text(FILES)
    folder = tiny_project.root / "logs"
    folder.mkdir()
    log = folder / "app.tiny"
    log.write_text(lines_of(range(3)))
    monkeypatch.chdir(tiny_project.root)
    return folder


def unit(project: Project, text: str, form: str | None = "tiny", now: datetime = NOW) -> None:
    """Put something into the spool as a source would."""
    with State(project.state) as state, Spool(state, project.spool, "app").draft() as draft:
        draft.write(text.encode())
        draft.keep([Note("app", form, "mac-1")], now)


def pull(project: Project, now: datetime = NOW) -> collect.Pulled:
    """Read what is in the spool of a source that brings nothing new."""
    empty = project.root / "empty.log"
    empty.touch()
    return collect.pull(Workspace.open(project.root), Files(name="app", paths=(str(empty),)), now)


def lose_state(project: Project) -> None:
    for path in project.root.glob("lastseen.sqlite*"):
        path.unlink()


def test_a_lake_that_was_deleted_is_filled_again_from_the_same_files(
    tiny_project: Project, logs: Path, run: Runner
) -> None:
    run("pull", "--now", datetime.now(UTC) + timedelta(hours=1))
    shutil.rmtree(tiny_project.root / "lake")
    run("pull", "app", "--now", datetime.now(UTC) + timedelta(hours=1))

    assert logs.is_dir()
    assert len(messages(tiny_project)) == 3


def test_a_lake_from_an_older_backup_is_filled_again(
    tiny_project: Project, logs: Path, run: Runner
) -> None:
    later = str(datetime.now(UTC) + timedelta(hours=1))
    run("pull", "--now", later)
    shutil.copytree(tiny_project.root / "lake", tiny_project.root / "backup")
    (logs / "other.tiny").write_text(tiny(7))
    run("pull", "app", "--now", later)
    shutil.rmtree(tiny_project.root / "lake")
    (tiny_project.root / "backup").rename(tiny_project.root / "lake")
    run("pull", "app", "--now", later)

    assert len(messages(tiny_project)) == 4


def test_what_waits_in_the_spool_outlives_the_loss_of_the_state(tiny_project: Project) -> None:
    unit(tiny_project, tiny(1))
    lose_state(tiny_project)
    pulled = pull(tiny_project)

    lost = tiny_project.spool / ".app.lost"
    assert [path.read_text() for path in lost.iterdir()] == [tiny(1)]
    (note,) = pulled.outcome.notes
    assert note == (
        f"{lost}: holds what was pulled before lastseen.sqlite was lost; "
        "add what of it is not in the lake yet, then delete that folder"
    )


def test_units_count_on_from_the_lake_where_state_and_clock_were_lost(
    tiny_project: Project,
) -> None:
    unit(tiny_project, tiny(1), now=NOW + timedelta(days=400))
    pull(tiny_project)
    lose_state(tiny_project)
    pull(tiny_project)
    unit(tiny_project, tiny(2))
    pull(tiny_project)

    assert messages(tiny_project) == [tiny(1).strip(), tiny(2).strip()]


def test_a_users_own_files_in_the_spool_are_left_alone(tiny_project: Project) -> None:
    folder = tiny_project.spool / "app"
    (folder / "copies").mkdir(parents=True)
    (folder / "mine.log").write_text(tiny(1))
    unit(tiny_project, tiny(2))
    pulled = pull(tiny_project)

    assert pulled.problems == []
    assert sorted(path.name for path in folder.iterdir()) == ["copies", "mine.log"]


def test_a_unit_whose_bytes_were_deleted_is_told_once_and_holds_nothing_up(
    tiny_project: Project,
) -> None:
    unit(tiny_project, tiny(1))
    unit(tiny_project, tiny(2))
    first, _ = sorted((tiny_project.spool / "app").iterdir())
    first.unlink()

    assert pull(tiny_project).problems == [
        f"{first}: was deleted before it was read; its rows are missing"
    ]
    assert pull(tiny_project).problems == []
    assert messages(tiny_project) == [tiny(2).strip()]


@pytest.mark.usefixtures("logs")
def test_a_state_of_a_later_version_is_not_touched(tiny_project: Project, run: Runner) -> None:
    run("pull")
    with sqlite3.connect(tiny_project.state) as db:
        db.execute("pragma user_version = 99")
    db.close()

    for words in (["pull"], ["status"], ["replay"]):
        ran = run(*words)

        assert ran.code == Exit.USAGE
        assert ran.err.startswith(f"error: {tiny_project.state}: was written by a later version ")
        assert ran.err.endswith("; use that version\n")


@pytest.mark.usefixtures("logs")
def test_a_state_that_is_damaged_inside_is_exit_4(tiny_project: Project, run: Runner) -> None:
    run("pull")
    with sqlite3.connect(tiny_project.state) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    with tiny_project.state.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (tiny_project.state.stat().st_size - 4096))

    for words in (["pull"], ["pull", "app"], ["status"], ["replay"]):
        ran = run(*words)

        assert ran.code == (Exit.PARTIAL if "app" in words else Exit.DAMAGED)
        assert f"{tiny_project.state}: cannot be read: database disk image is malformed" in ran.err
        assert ran.err.count("\n") == 1


def test_a_pull_dated_to_come_by_a_wrong_clock_makes_no_source_wait(
    tiny_project: Project, logs: Path, run: Runner
) -> None:
    run("pull", "--now", "2027-03-10T06:00:00Z")
    (logs / "app.tiny").write_text(lines_of(range(5)))
    run("pull", "--now", "2026-03-10T06:00:00Z")

    assert len(messages(tiny_project)) == 5


def test_a_unit_that_fails_is_set_aside_before_one_behind_it_counts_as_read(
    tiny_project: Project,
) -> None:
    """The lake knows of a source only the last unit: what was before it is read, or set aside."""
    fails = "if(text like '%bad%', error('no'), text) as message"
    ingest_format(tiny_project, TINY.replace("text as message", fails))
    ingest_format(tiny_project, TINY.replace("'info' as level", "1 as level"), "wrong")
    unit(tiny_project, tiny(1, "bad"))
    unit(tiny_project, tiny(2))
    unit(tiny_project, tiny(3), form="wrong")
    first = pull(tiny_project)
    second = pull(tiny_project)

    assert messages(tiny_project) == [tiny(2).strip()]
    assert len(first.problems) == 2
    assert "nothing of it was added; it is kept, `lastseen replay` reads it" in first.problems[0]
    assert second.problems == first.problems[1:]
    ingest_format(tiny_project)
    ingest_format(tiny_project, name="wrong")
    collect.replay(Workspace.open(tiny_project.root), NOW)
    pull(tiny_project)
    assert messages(tiny_project) == [tiny(1, "bad").strip(), tiny(2).strip()]
    assert list((tiny_project.spool / "app").iterdir()) == []


def test_a_source_that_the_system_refuses_does_not_silence_the_others(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "one").write_text(tiny(1))
    tiny_project.config.write_text(
        PRINTS.format(name="bad", path=tmp_path / "one")
        + PRINTS.format(name="good", path=tmp_path / "one")
    )
    tiny_project.spool.mkdir()
    (tiny_project.spool / "bad").write_text("in the way")

    ran = run("-C", tiny_project.root, "pull")

    assert ran.code == Exit.PARTIAL
    assert ran.err.startswith(f"error: bad: {tiny_project.spool}/bad/")
    assert ran.err.endswith(": not a directory\n")
    assert messages(tiny_project) == [tiny(1).strip()]


def test_what_is_no_log_costs_a_sentence_and_stops_nothing(
    tiny_project: Project, logs: Path, run: Runner
) -> None:
    (logs / "loop.tiny").symlink_to("loop.tiny")
    os.mkfifo(logs / "pipe.tiny")
    (logs / "zero.tiny").symlink_to("/dev/zero")
    (logs / "empty.tiny").touch()
    (logs / "wtmp.tiny").write_bytes(bytes(range(256)) * 100)
    (logs / "hole.tiny").touch()
    os.truncate(logs / "hole.tiny", 1 << 20)

    first = run("pull", "app")
    again = run("pull", "app")

    assert (first.code, len(messages(tiny_project))) == (Exit.PARTIAL, 3)
    assert sorted(first.err.splitlines()) == [
        f"error: app: {logs}/hole.tiny: is empty; nothing to add",
        f"error: app: {logs}/loop.tiny: cannot be read: too many levels of symbolic links",
        f"error: app: {logs}/wtmp.tiny: is a binary file, not a log; nothing of it was added",
    ]
    assert again.err == (
        f"error: app: {logs}/loop.tiny: cannot be read: too many levels of symbolic links\n"
    )


def test_a_binary_file_that_changes_is_told_once(logs: Path, run: Runner) -> None:
    wtmp = logs / "wtmp.tiny"
    wtmp.write_bytes(bytes(range(256)) * 100)
    first = run("pull", "app")
    wtmp.write_bytes(bytes(range(256)) * 101)

    assert (first.code, run("pull", "app").code) == (Exit.PARTIAL, Exit.DONE)


@pytest.mark.parametrize("mended", ['format = "tiny"', ""])
def test_a_format_that_was_misspelt_keeps_what_was_pulled_until_it_is_right(
    mended: str, tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "one").write_text(tiny(1))
    right = PRINTS.format(name="app", path=tmp_path / "one")
    tiny_project.config.write_text(right.replace('"tiny"', '"tinny"'))
    wrong = run("-C", tiny_project.root, "pull", "app")
    tiny_project.config.write_text(right.replace('format = "tiny"', mended))

    ran = run("-C", tiny_project.root, "pull", "app")

    assert wrong.err.startswith('error: app: there is no format "tinny"; known are ')
    assert (wrong.code, ran.code, ran.err) == (Exit.PARTIAL, Exit.DONE, "")
    assert messages(tiny_project) == [tiny(1).strip()]


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize("words", [["pull"], ["pull", "--json"], ["status"]])
def test_a_standard_output_that_is_closed_breaks_nothing(
    words: list[str], tiny_project: Project
) -> None:
    closes = 'exec "$0" "$@" <&- >&- 2>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", closes, *command(tiny_project, *words)], timeout=120, check=False
    )

    assert done.returncode == (Exit.PARTIAL if words == ["status"] else Exit.DONE)
    with sqlite3.connect(tiny_project.state) as db:
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    db.close()


@pytest.mark.usefixtures("logs")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["pull"], ["pull", "--json"], ["status"]])
def test_a_result_that_cannot_be_written_is_one_sentence(
    words: list[str], tiny_project: Project
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command(tiny_project, *words),
            stdout=full, stderr=subprocess.PIPE, timeout=120, check=False,
        )  # fmt: skip

    assert done.stderr.decode() == "error: no space left on device\n"
    assert done.returncode == Exit.PARTIAL


HOOKS = {
    "a unit was linked": "spool.os.link = then(os.link)",
    "units were kept": "spool.Spool.keep = then(spool.Spool.keep)",
    "rejects were committed": "lake.Writer.commit = then(lake.Writer.commit)",
    "rows were committed": "collect.arrivals.settle = then(lambda *given: None)",
    "units were forgotten": "state.State.note = then(lambda *given: None)",
}


@pytest.mark.parametrize("moment", HOOKS)
def test_a_pull_that_dies_is_made_good_by_the_next(
    moment: str, tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "one").write_text(tiny(1) + "no time\n")
    tiny_project.config.write_text(PRINTS.format(name="app", path=tmp_path / "one"))
    code = (
        "import os, sys; from lastseen import collect, lake, state; from lastseen.pull import spool\n"
        "then = lambda real: lambda *given, **named: (real(*given, **named), os._exit(9))\n"
        f"{HOOKS[moment]}\n"
        f"sys.argv = ['lastseen', '-C', {str(tiny_project.root)!r}, 'pull']\n"
        "from lastseen.cli import main; main()"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)

    ran = run("-C", tiny_project.root, "pull", "app")

    assert (killed.returncode, ran.code, ran.err) == (9, Exit.DONE, "")
    assert messages(tiny_project) == [tiny(1).strip()]
    assert rejected(tiny_project) == ["no time"]
    assert list((tiny_project.spool / "app").iterdir()) == []


def test_ctrl_c_ends_a_command_that_is_being_pulled_at_once(
    tiny_project: Project, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    tiny_project.config.write_text(
        f'[sources.slow]\nkind = "command"\ncommand = ["/bin/sh", "-c", "touch {begun}; sleep 60"]\n'
    )
    # A shell starts what it puts into the background with Ctrl-C ignored, and that is inherited.
    listen = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command(tiny_project, "pull"),
        stderr=subprocess.PIPE,
        preexec_fn=listen,  # noqa: PLW1509 - no thread holds a lock here
    ) as pulling:
        until = time.monotonic() + 30
        while not begun.exists() and time.monotonic() < until:
            time.sleep(0.05)
        pulling.send_signal(signal.SIGINT)
        _, told = pulling.communicate(timeout=30)

    assert pulling.returncode == Exit.INTERRUPTED
    assert told.decode() == "interrupted; what was committed stays, run it again for the rest\n"


@pytest.mark.parametrize(
    "name", ["caf\udce9", "ü", "new\nline", "\x1b[31mred", "-rf", "x" * 240, ".."]
)
def test_any_name_a_log_can_have_is_pulled_and_shown_harmless(
    name: str, tiny_project: Project, logs: Path, run: Runner
) -> None:
    try:
        (logs / f"{name}.tiny").write_text(tiny(7))
    except OSError:
        pytest.skip("this file system has no such names")
    (logs / "link.tiny").symlink_to(logs / f"{name}.tiny")

    for words in (["pull"], ["pull", "app", "--json"], ["status"]):
        ran = run(*words)

        assert ran.err == ""
        assert "\x1b" not in ran.out
    assert len(messages(tiny_project)) == 4
