"""Logs on this machine arrive once, whatever happens to them between two pulls."""

import gzip
import os
import time
from collections import defaultdict
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from support import TINY, format_of, ingest_format, lake_of, messages, rejected, rows, tiny

from lastseen import arrivals, collect, opening
from lastseen.arrivals import Arrival
from lastseen.bookmarks import Beside
from lastseen.collect import Pulled
from lastseen.logfile import LogFile, Result
from lastseen.opening import ChangedError, Known
from lastseen.project import Project
from lastseen.pull.spool import Spool
from lastseen.repeats import Repeats
from lastseen.sources import Files
from lastseen.state import State
from lastseen.workspace import Workspace

MULTI = TINY.replace("-- skip:", "-- record: ^\\d{4}-\n-- skip:")


@pytest.fixture
def logs(tiny_project: Project) -> Path:
    folder = tiny_project.root / "logs"
    folder.mkdir()
    return folder


def pull(project: Project, *paths: Path | str, later: float = 0, **options: object) -> Pulled:
    """Pull files now, or as if some seconds had passed."""
    source = Files(name="app", paths=tuple(map(str, paths)), format="tiny", **options)  # type: ignore[arg-type]
    now = datetime.now(UTC) + timedelta(seconds=later)
    return collect.pull(Workspace.open(project.root), source, now)


def numbers(project: Project) -> list[int]:
    return sorted(int(text.rpartition(" ")[2]) for text in messages(project))


def test_what_a_log_gained_is_read_and_nothing_twice(tiny_project: Project, logs: Path) -> None:
    log = logs / "app.log"
    log.write_text(tiny(1))
    pull(tiny_project, log)
    pull(tiny_project, log)
    with log.open("a") as file:
        file.write(tiny(2))
    pull(tiny_project, log)

    assert numbers(tiny_project) == [1, 2]


def test_an_unfinished_line_is_held_back_until_its_end_comes(
    tiny_project: Project, logs: Path
) -> None:
    log = logs / "app.log"
    log.write_text(tiny(1) + tiny(2)[:-5])
    first = pull(tiny_project, log)
    with log.open("a") as file:
        file.write(tiny(2)[-5:])
    pull(tiny_project, log)

    assert [result.held for result in first.results] == [len(tiny(2)) - 5]
    assert numbers(tiny_project) == [1, 2]
    assert rejected(tiny_project) == []


def test_an_unfinished_line_is_taken_once_its_log_was_rotated_away(
    tiny_project: Project, logs: Path
) -> None:
    log = logs / "app.log"
    log.write_text(tiny(1) + tiny(2).rstrip("\n"))
    pull(tiny_project, log)
    log.rename(logs / "app.log.1")
    log.write_text(tiny(3))
    pull(tiny_project, log)
    before = numbers(tiny_project)
    pull(tiny_project, log, later=120)

    assert before == [1, 3]
    assert numbers(tiny_project) == [1, 2, 3]


def test_a_record_of_several_lines_is_held_back_until_it_is_quiet(
    tiny_project: Project, logs: Path
) -> None:
    ingest_format(tiny_project, MULTI)
    log = logs / "app.log"
    log.write_text(tiny(1) + tiny(2))
    pull(tiny_project, log)
    before = numbers(tiny_project)
    with log.open("a") as file:
        file.write("  more of it 22\n")
    pull(tiny_project, log)
    pull(tiny_project, log, later=120)

    assert before == [1]
    assert numbers(tiny_project) == [1, 22]


def test_lines_written_between_the_last_pull_and_the_rotation_are_read(
    tiny_project: Project, logs: Path
) -> None:
    log = logs / "app.log"
    log.write_text(tiny(1))
    pull(tiny_project, log)
    with log.open("a") as file:
        file.write(tiny(2))
    log.rename(logs / "app.log.1")
    log.write_text(tiny(3))
    pull(tiny_project, log)

    assert numbers(tiny_project) == [1, 2, 3]


def test_a_log_that_was_rotated_and_has_no_successor_yet_is_read_to_its_end(
    tiny_project: Project, logs: Path
) -> None:
    log = logs / "app.log"
    log.write_text(tiny(1))
    pull(tiny_project, log)
    with log.open("a") as file:
        file.write(tiny(2))
    log.rename(logs / "app.log.1")
    between = pull(tiny_project, log)
    log.write_text(tiny(3))
    pull(tiny_project, log)

    assert between.problems == []
    assert numbers(tiny_project) == [1, 2, 3]


def test_a_log_that_is_gone_with_all_that_was_rotated_from_it_is_told(
    tiny_project: Project, logs: Path
) -> None:
    log = logs / "app.log"
    log.write_text(tiny(1))
    pull(tiny_project, log)
    log.unlink()
    pull(tiny_project, log)

    assert pull(tiny_project, log).problems == [
        f"{log}: there is no such file, so nothing is read from it"
    ]


def test_a_copy_under_way_is_no_new_log(tiny_project: Project, logs: Path) -> None:
    log = logs / "app.log"
    log.write_text("".join(map(tiny, range(20))))
    pull(tiny_project, log)
    (logs / "app.log.1").write_text("".join(map(tiny, range(5))))
    pull(tiny_project, log)
    (logs / "app.log.1").write_text("".join(map(tiny, range(21))))
    log.write_text(tiny(30))
    pull(tiny_project, log)

    assert numbers(tiny_project) == [*range(21), 30]


def test_a_file_that_is_being_packed_is_not_read_before_it_is_whole(
    tiny_project: Project, logs: Path
) -> None:
    log, old = logs / "app.log", logs / "app.log.1"
    old.write_text("".join(map(tiny, range(2000))))
    log.write_text(tiny(5000))
    pull(tiny_project, log, later=120)
    packed = gzip.compress(old.read_bytes())
    (logs / "app.log.1.gz").write_bytes(packed[: len(packed) // 2])
    pull(tiny_project, log)
    (logs / "app.log.1.gz").write_bytes(packed)
    old.unlink()
    pull(tiny_project, log)
    last = pull(tiny_project, log, later=120)

    assert last.problems == []
    assert numbers(tiny_project) == [*range(2000), 5000]


def test_logs_rotated_before_the_source_was_there_are_left_alone(
    tiny_project: Project, logs: Path
) -> None:
    old = logs / "app.log.3"
    old.write_text(tiny(1))
    week = time.time() - 7 * 86400
    os.utime(old, (week, week))
    (logs / "app.log").write_text(tiny(2))
    pull(tiny_project, logs / "app.log")

    assert numbers(tiny_project) == [2]


def test_the_host_stands_in_the_path_also_of_rotated_files(
    tiny_project: Project, logs: Path
) -> None:
    for host in ("mac-1", "mac-2"):
        (logs / host).mkdir()
        (logs / host / "app.log").write_text(tiny(1))
        (logs / host / "app.log.1").write_text(tiny(2))
    pull(tiny_project, f"{logs}/{{host}}/app.log", later=120)

    assert rows(lake_of(tiny_project), "tiny", "emitter, line", "emitter") == [
        ("mac-1", 1), ("mac-1", 1), ("mac-2", 1), ("mac-2", 1),
    ]  # fmt: skip


def test_a_file_that_two_paths_and_a_link_name_is_read_once(
    tiny_project: Project, logs: Path
) -> None:
    (logs / "app-2026-03-10.log").write_text(tiny(1))
    (logs / "current.log").symlink_to(logs / "app-2026-03-10.log")
    done = pull(tiny_project, logs / "*.log", logs / "current.log")

    assert len(done.results) == 1
    assert numbers(tiny_project) == [1]


def test_what_a_link_pointed_to_before_is_read_to_its_end(
    tiny_project: Project, logs: Path
) -> None:
    first, second, link = logs / "one.txt", logs / "two.txt", logs / "current.log"
    first.write_text(tiny(1))
    link.symlink_to(first)
    pull(tiny_project, link)
    with first.open("a") as file:
        file.write(tiny(2))
    second.write_text(tiny(3))
    link.unlink()
    link.symlink_to(second)
    pull(tiny_project, link)

    assert numbers(tiny_project) == [1, 2, 3]


def test_a_log_that_did_not_change_is_not_opened_again(tiny_project: Project, logs: Path) -> None:
    log = logs / "app.log"
    log.write_text(tiny(1))
    pull(tiny_project, log)

    assert pull(tiny_project, log).results == []


def test_a_path_that_names_nothing_is_a_problem_and_the_others_are_read(
    tiny_project: Project, logs: Path
) -> None:
    (logs / "app.log").write_text(tiny(1))
    done = pull(tiny_project, logs / "no*.log", logs / "app.log")

    assert done.problems == [f"{logs}/no*.log: there is no such file, so nothing is read from it"]
    assert numbers(tiny_project) == [1]


def test_an_empty_log_is_no_problem(tiny_project: Project, logs: Path) -> None:
    (logs / "app.log").touch()

    assert pull(tiny_project, logs / "app.log").problems == []


def test_how_a_pull_went_is_noted(tiny_project: Project, logs: Path) -> None:
    (logs / "app.log").write_text(tiny(1) + "no time\n")
    pull(tiny_project, logs / "app.log", logs / "gone.log")

    with State(tiny_project.state) as state:
        last = state.last("pull", "app")
    assert last is not None
    assert last.problem == f"{logs}/gone.log: there is no such file, so nothing is read from it"
    assert {key: last.detail[key] for key in ("files", "rows", "rejects", "formats")} == {
        "files": 1, "rows": 1, "rejects": 1, "formats": ["tiny"],
    }  # fmt: skip


def read(project: Project, listed: Arrival) -> Result:
    """Read a log that was listed before."""
    with State(project.state) as state:
        spool = Spool(state, project.spool, "app")
        (result,) = arrivals.read(Workspace.open(project.root), spool, [listed], datetime.now(UTC))
    return result


@pytest.mark.parametrize("form", [None, "tiny"])
def test_a_log_that_was_moved_since_it_was_listed_is_to_be_looked_for_again(
    tiny_project: Project, logs: Path, form: str | None
) -> None:
    log = logs / "app.tiny"
    log.write_text(tiny(1))
    listed = Arrival(LogFile(log, "app.tiny", None), form, None)
    log.rename(logs / "app.tiny.1")
    result = read(tiny_project, listed)

    assert result.changed


def test_a_log_that_was_cut_off_since_it_was_listed_is_to_be_looked_for_again(
    tiny_project: Project, logs: Path
) -> None:
    log = logs / "app.tiny"
    log.write_text("")
    listed = Arrival(LogFile(log, "app.tiny", None), None, None)
    result = read(tiny_project, listed)

    assert result.changed


def test_what_a_log_gets_after_it_was_found_empty_is_left_to_the_next_look(
    tiny_project: Project, logs: Path
) -> None:
    log = logs / "app.tiny"
    log.write_text("")
    nothing: defaultdict[str, None] = defaultdict(lambda: None)
    form = format_of(tiny_project)
    lake = lake_of(tiny_project)
    repeats = Repeats(lake, form.name, form.key, pa.schema([("ts", pa.timestamp("us", "UTC"))]))
    known = Known(form, nothing, Beside(nothing, form.name), repeats)
    with ExitStack() as open_files:
        found = opening.begin(LogFile(log, "app.tiny", None), None, known, open_files)
        log.write_text(tiny(1) + tiny(2))
        assert sum(1 for _ in found.reading.reader.chunks()) == 1
        with pytest.raises(ChangedError, match="was empty when it was opened"):
            opening.same(found)
