"""A run that dies at any moment loses nothing and repeats nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import NOW, Ran, add, command, lake_of, messages, process, rejected, rows, tiny

from lastseen.errors import UserError
from lastseen.project import Project

BAD = "this line has no time\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "app.tiny"
    path.write_text(tiny(1) + BAD + tiny(2) + "so does this one\n" + tiny(3))
    return path


def break_table(project: Project, table: str) -> Path:
    """Let each commit to a table fail: a file stands where its folder would be made."""
    place = lake_of(project).path / table
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("in the way")
    return place


def coverage(project: Project) -> list[tuple[object, ...]]:
    columns = "file, rows, rejects, since::varchar, until::varchar"
    return rows(lake_of(project), "coverage", columns, "ts, since, rows")


@pytest.mark.parametrize("table", ["rejects", "tiny", "coverage"])
def test_a_commit_that_fails_is_made_good_by_the_next_run(
    table: str, tiny_project: Project, log: Path
) -> None:
    place = break_table(tiny_project, table)
    with pytest.raises(UserError):
        add(tiny_project, log)
    place.unlink()

    add(tiny_project, log)

    assert messages(tiny_project) == [tiny(n).strip() for n in (1, 2, 3)]
    assert rejected(tiny_project) == ["this line has no time", "so does this one"]
    assert coverage(tiny_project) == [
        (str(log), 3, 2, "2026-03-10 00:00:01+00", "2026-03-10 00:00:03+00")
    ]


def test_a_file_that_grew_after_the_crash_gives_its_rejects_once(
    tiny_project: Project, log: Path
) -> None:
    place = break_table(tiny_project, "tiny")
    with pytest.raises(UserError):
        add(tiny_project, log)
    place.unlink()
    with log.open("a") as more:
        more.write(tiny(4) + "nor has this\n")

    add(tiny_project, log)

    assert len(messages(tiny_project)) == 4
    assert rejected(tiny_project) == ["this line has no time", "so does this one", "nor has this"]


def test_a_reject_that_grew_after_the_crash_is_kept_whole(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text("no time, and no")
    place = break_table(tiny_project, "tiny")
    with pytest.raises(UserError):
        add(tiny_project, log)
    place.unlink()
    log.write_text("no time, and no end\n" + tiny(1))

    add(tiny_project, log)

    assert "no time, and no end" in rejected(tiny_project)


def test_coverage_of_what_came_before_a_crash_and_after_is_noted_once_each(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1) + tiny(2))
    place = break_table(tiny_project, "coverage")
    with pytest.raises(UserError):
        add(tiny_project, log)
    place.unlink()
    log.write_text(tiny(1) + tiny(2) + tiny(3))

    for _ in range(2):
        add(tiny_project, log)

    assert coverage(tiny_project) == [
        (str(log), 2, 0, "2026-03-10 00:00:01+00", "2026-03-10 00:00:02+00"),
        (str(log), 1, 0, "2026-03-10 00:00:03+00", "2026-03-10 00:00:03+00"),
    ]


def test_coverage_that_a_crash_left_out_is_of_its_own_file_not_of_one_that_had_its_name(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1) + tiny(2))
    add(tiny_project, log)
    log.rename(tmp_path / "app.tiny.1")
    log.write_text(tiny(40_001) + tiny(40_002))
    table = lake_of(tiny_project).path / "coverage"
    shutil.copytree(table, tmp_path / "before")
    add(tiny_project, log)
    shutil.rmtree(table)
    shutil.move(tmp_path / "before", table)

    add(tiny_project, log)

    assert coverage(tiny_project) == [
        (str(log), 2, 0, "2026-03-10 00:00:01+00", "2026-03-10 00:00:02+00"),
        (str(log), 2, 0, "2026-03-10 11:06:41+00", "2026-03-10 11:06:42+00"),
    ]


def test_a_file_added_again_is_not_covered_again(tiny_project: Project, log: Path) -> None:
    add(tiny_project, log)
    other = log.with_name("other.tiny")
    other.write_text(tiny(9))

    add(tiny_project, log, other)

    assert [row[:2] for row in coverage(tiny_project)] == [(str(log), 3), (str(other), 1)]


def test_a_file_that_breaks_off_leaves_nothing_in_the_commit_of_its_neighbours(
    tiny_project: Project, tmp_path: Path
) -> None:
    shouting = (tiny_project.root / "ingest" / "tiny.sql").read_text()
    broken = shouting.replace(
        "text as message", "if(text like '%burst%', error('burst'), text) as message"
    )
    (tiny_project.root / "ingest" / "tiny.sql").write_text(broken)
    for name, words in (("a", "is here"), ("b", "burst"), ("c", "is here")):
        lines = [tiny(n) for n in range(200_000)]
        lines[-1] = tiny(200_000, words)
        (tmp_path / f"{name}.tiny").write_text(f"## {name}\n" + "".join(lines))

    results = add(tiny_project, tmp_path / "*.tiny")

    assert [(result.rows, result.read) for result in results] == [
        (200_000, True), (0, False), (200_000, True),
    ]  # fmt: skip
    assert "burst" in str(results[1].problem)
    assert rows(lake_of(tiny_project), "tiny", "count(*)", "1") == [(400_000,)]


def big(folder: Path) -> list[Path]:
    """A few logs whose reading takes a while."""
    paths = []
    for part in range(3):
        path = folder / f"big-{part}.tiny"
        text = "".join(tiny(n, f"says {part}") for n in range(part * 30_000, (part + 1) * 30_000))
        path.write_text(f"bad line {part}\n" + text)
        paths.append(path)
    return paths


def start(project: Project, *words: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(project, *map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def end(running: subprocess.Popen[bytes]) -> Ran:
    out, err = running.communicate(timeout=120)
    return Ran(running.returncode, out.decode(), err.decode())


def wait_for(running: subprocess.Popen[bytes], project: Project, pattern: str) -> None:
    """Wait until a file stands in the lake, or the process has ended."""
    while running.poll() is None and not list(lake_of(project).path.glob(pattern)):
        time.sleep(0.0005)


@pytest.mark.parametrize(
    "moment",
    [
        "tiny/day=*/*.parquet",
        "rejects/_delta_log/*0.json",
        "rejects/_delta_log/*1.json",
        "tiny/_delta_log/*0.json",
        "tiny/_delta_log/*1.json",
        "coverage/_delta_log/*1.json",
    ],
)
def test_a_killed_run_loses_nothing_and_repeats_nothing(
    moment: str, tiny_project: Project, tmp_path: Path
) -> None:
    paths = big(tmp_path)
    running = start(tiny_project, "add", "--format", "tiny", *paths)
    wait_for(running, tiny_project, moment)
    running.kill()
    end(running)

    for _ in range(2):
        add(tiny_project, *paths)

    counted = rows(lake_of(tiny_project), "tiny", "count(*), count(distinct message)", "1")
    assert counted == [(90_000, 90_000)]
    assert rejected(tiny_project) == ["bad line 0", "bad line 1", "bad line 2"]
    assert [row[1] for row in coverage(tiny_project)] == [30_000] * 3


def test_ctrl_c_ends_with_130_and_the_next_run_completes(
    tiny_project: Project, tmp_path: Path
) -> None:
    paths = big(tmp_path)
    running = start(tiny_project, "add", "--format", "tiny", *paths)
    wait_for(running, tiny_project, "tiny/day=*/*.parquet")
    running.send_signal(signal.SIGINT)
    ended = end(running)

    assert (ended.code, ended.out) == (130, "")
    assert ended.err == "interrupted; what was committed stays, run it again for the rest\n"
    assert process(tiny_project, "add", "--format", "tiny", *map(str, paths)).code == 0
    assert rows(lake_of(tiny_project), "tiny", "count(*)", "1") == [(90_000,)]


def test_a_second_writer_is_told_who_holds_the_lock(tiny_project: Project, tmp_path: Path) -> None:
    fifo = tmp_path / "never"
    os.mkfifo(fifo)
    holder = start(tiny_project, "add", "--format", "tiny", fifo)
    while not (tiny_project.lock.exists() and tiny_project.lock.read_text()):
        time.sleep(0.01)

    second = process(tiny_project, "add", "--format", "tiny", str(tmp_path / "x.tiny"))

    holder.kill()
    end(holder)
    assert second.code == 75
    assert second.err.startswith(f"error: `lastseen add` (process {holder.pid}) has been writing")


def test_the_lock_of_a_killed_run_holds_nobody_up(tiny_project: Project, log: Path) -> None:
    tiny_project.lock.write_text(json.dumps({"pid": 1, "what": "add", "since": NOW.isoformat()}))

    assert process(tiny_project, "add", str(log)).code == 0


def limited(project: Project, size: int, *words: str) -> Ran:
    """Run with a limit on the size of files: to a writer it is a full disk."""
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size})); "
        "from lastseen.cli import main; sys.argv = ['lastseen'] + sys.argv[1:]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "-C", str(project.root), *words],
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_disk_that_is_full_commits_nothing_and_the_next_run_completes(
    tiny_project: Project, tmp_path: Path
) -> None:
    paths = [str(path) for path in big(tmp_path)]

    full = limited(tiny_project, 20_000, "add", "--format", "tiny", *paths)

    assert (full.code, full.out) == (3, "")
    assert "Traceback" not in full.err
    assert "the disk is full, or a limit is reached" in full.err
    assert messages(tiny_project) == []
    assert process(tiny_project, "add", "--format", "tiny", *paths).code == 0
    assert rows(lake_of(tiny_project), "tiny", "count(*)", "1") == [(90_000,)]
