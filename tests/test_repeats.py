"""An event that overlapping windows show again is kept once; two events that look the same stay two."""

import gzip
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import NOW, TINY, ingest_format, lake_of, messages, process, rejected, rows, tiny

from lastseen import formats, ingest, lint, printing, repeats, tidy
from lastseen.errors import UserError
from lastseen.ingest import Ingest
from lastseen.logfile import LogFile, Result
from lastseen.project import Project
from lastseen.repeats import Repeats
from lastseen.tally import Tally
from lastseen.workspace import Workspace

KEYED = TINY.replace("-- skip:", "-- key:    host, number\n-- skip:").replace(
    "    line\nfrom", "    line,\n    try_cast(split_part(text, ' ', -1) as bigint) as number\nfrom"
)
NUMBERS = count(1)


def show(
    project: Project,
    *windows: str | bytes,
    form: str = "tiny",
    emitter: str | None = "mac-1",
    again: bool = True,
    now: datetime = NOW,
) -> list[Result]:
    """Ingest windows as units of one source, in one go."""
    files = []
    for text in windows:
        number = next(NUMBERS)
        path = project.root / f"{number}.unit"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        files.append(LogFile(path, "app", emitter, unit=("app", number), repeats=again))
    with formats.prepare(project) as con:
        ingest = Ingest(con, formats.load(project)[form], lake_of(project), now)
        return list(ingest.add(files, None, lambda _: None))


def counts(results: Sequence[Result]) -> list[tuple[int, int, int, int]]:
    return [(r.rows, r.rejects, r.skipped, r.repeated) for r in results]


@pytest.fixture
def keyed_project(project: Project) -> Project:
    ingest_format(project, KEYED)
    return project


def test_what_a_window_shows_again_is_kept_once(tiny_project: Project) -> None:
    first = show(tiny_project, tiny(1) + tiny(2) + tiny(3))
    second = show(tiny_project, "## banner\n" + tiny(2) + tiny(3) + tiny(4))

    assert messages(tiny_project) == sorted(tiny(n).strip() for n in (1, 2, 3, 4))
    assert counts(first + second) == [(3, 0, 0, 0), (1, 0, 1, 2)]


def test_equal_lines_of_one_second_stay_as_many_as_one_window_shows(tiny_project: Project) -> None:
    show(tiny_project, tiny(1) * 2)
    show(tiny_project, tiny(1) * 5)
    show(tiny_project, tiny(1) * 3)

    assert messages(tiny_project) == [tiny(1).strip()] * 5


def test_windows_of_one_commit_are_compared_with_each_other(tiny_project: Project) -> None:
    results = show(tiny_project, tiny(1) + tiny(2), tiny(2) * 2 + tiny(3), tiny(1) + tiny(3))

    assert sorted(messages(tiny_project)) == sorted(tiny(n).strip() for n in (1, 2, 2, 3))
    assert counts(results) == [(2, 0, 0, 0), (2, 0, 0, 1), (0, 0, 0, 2)]
    assert lake_of(tiny_project).table("tiny").version() == 1  # type: ignore[union-attr]


def test_the_same_line_of_another_machine_is_another_event(tiny_project: Project) -> None:
    show(tiny_project, tiny(1), emitter="mac-1")
    show(tiny_project, tiny(1), emitter="mac-2")
    show(tiny_project, tiny(1), emitter="mac-1")

    assert len(messages(tiny_project)) == 2


def test_files_whose_bytes_come_once_are_taken_as_they_are(tiny_project: Project) -> None:
    show(tiny_project, tiny(1))
    show(tiny_project, tiny(1), again=False)

    assert len(messages(tiny_project)) == 2


def test_a_key_names_an_event_whatever_else_its_line_says(keyed_project: Project) -> None:
    shown = tiny(1, "says")
    later = shown.replace("00:00:01", "00:00:02")
    show(keyed_project, shown)
    show(keyed_project, later + tiny(2, "says") * 2)
    show(keyed_project, later * 2 + tiny(2, "says") * 2)

    numbers = rows(lake_of(keyed_project), "tiny", "number", "number")
    assert numbers == [(1,), (1,), (2,), (2,)]


def test_a_row_without_its_key_is_told_by_all_it_has(keyed_project: Project) -> None:
    line = tiny(1).rstrip("\n") + " x\n"
    other = tiny(1).rstrip("\n") + " y\n"
    show(keyed_project, line + tiny(1))
    show(keyed_project, line + other + tiny(1))

    assert len(messages(keyed_project)) == 3


def test_an_event_is_known_across_the_borders_of_what_is_looked_up(keyed_project: Project) -> None:
    before = "2026-03-10T09:59:59Z mac-1 says 7\n"
    after = "2026-03-10T10:00:00Z mac-1 says 7\n"
    show(keyed_project, before)
    show(keyed_project, after)

    assert messages(keyed_project) == [before.strip()]


def test_a_line_dated_far_off_costs_and_harms_nothing(tiny_project: Project) -> None:
    odd = "".join(f"{year}-01-01T00:00:00Z mac-1 is old\n" for year in (1701, 1970, 2026, 9999))
    show(tiny_project, odd + tiny(1))
    results = show(tiny_project, odd + tiny(1) + tiny(2))

    assert counts(results) == [(1, 0, 0, 5)]
    assert results[0].doubtful == 0


def test_rejects_are_kept_once_too_and_equal_ones_counted(tiny_project: Project) -> None:
    bad = "no time\n"
    results = show(tiny_project, tiny(1) + bad)
    results += show(tiny_project, bad + tiny(1) + bad, bad + "other\n" + bad + bad)
    results += show(tiny_project, bad * 3 + "other\n")

    assert sorted(rejected(tiny_project)) == ["no time", "no time", "no time", "other"]
    assert counts(results) == [(1, 1, 0, 0), (0, 1, 0, 2), (0, 2, 0, 2), (0, 0, 0, 4)]


def test_what_was_seen_again_is_covered_though_it_is_not_written_again(
    tiny_project: Project,
) -> None:
    show(tiny_project, tiny(1) + tiny(2))
    show(tiny_project, tiny(1) + tiny(2) + tiny(3))

    columns = "rows, rejects, since::varchar, until::varchar"
    assert rows(lake_of(tiny_project), "coverage", columns, "until") == [
        (2, 0, "2026-03-10 00:00:01+00", "2026-03-10 00:00:02+00"),
        (1, 0, "2026-03-10 00:00:01+00", "2026-03-10 00:00:03+00"),
    ]


def test_what_tidy_has_rewritten_is_known(tiny_project: Project) -> None:
    text = "".join(map(tiny, range(50)))
    for _ in range(3):
        show(tiny_project, text)
    space = Workspace.open(tiny_project.root)
    later = NOW + timedelta(days=3)
    list(tidy.tidy(lake_of(tiny_project), space.settings.keep, later, tiny_project.root))
    show(tiny_project, text)

    assert len(messages(tiny_project)) == 50


def test_a_column_that_came_later_is_no_hindrance(tiny_project: Project) -> None:
    show(tiny_project, tiny(1))
    ingest_format(tiny_project, KEYED)
    show(tiny_project, tiny(1) + tiny(2))
    results = show(tiny_project, tiny(1) + tiny(2) + tiny(3))

    assert counts(results) == [(1, 0, 0, 2)]


def break_table(project: Project, table: str) -> Callable[[], object]:
    """Let each commit to a table fail, until what is returned is called."""
    place = lake_of(project).path / table
    kept = place.with_name(f"{table}.kept")
    place.rename(kept)
    place.write_text("in the way")

    def mend() -> None:
        place.unlink()
        kept.rename(place)

    return mend


@pytest.mark.parametrize("table", ["rejects", "tiny", "coverage"])
def test_a_crash_between_two_commits_loses_nothing_and_repeats_nothing(
    table: str, tiny_project: Project
) -> None:
    bad = "no time\n"
    show(tiny_project, tiny(1) + bad)
    windows = (tiny(1) + bad * 2 + tiny(2), tiny(2) + "other\n" + bad + tiny(3))
    paths = []
    for text in windows:
        number = next(NUMBERS)
        path = tiny_project.root / f"{number}.unit"
        path.write_text(text)
        paths.append(LogFile(path, "app", "mac-1", unit=("app", number), repeats=True))

    def ingest() -> list[Result]:
        with formats.prepare(tiny_project) as con:
            form = formats.load(tiny_project)["tiny"]
            return list(
                Ingest(con, form, lake_of(tiny_project), NOW).add(paths, None, lambda _: None)
            )

    mend = break_table(tiny_project, table)
    with pytest.raises(UserError):
        ingest()
    mend()
    for _ in range(2):
        results = ingest()

    assert [result.already for result in results] == [True, True]
    assert sorted(messages(tiny_project)) == sorted(tiny(n).strip() for n in (1, 2, 3))
    assert sorted(rejected(tiny_project)) == ["no time", "no time", "other"]


def test_a_crash_before_the_rows_counts_rejects_as_the_run_that_wrote_them(
    tiny_project: Project,
) -> None:
    bad = "no time\n"
    show(tiny_project, tiny(1) + bad)
    number = next(NUMBERS)
    path = tiny_project.root / f"{number}.unit"
    path.write_text(tiny(1) + bad + bad)
    file = LogFile(path, "app", "mac-1", unit=("app", number), repeats=True)
    mend = break_table(tiny_project, "tiny")
    with formats.prepare(tiny_project) as con:
        form = formats.load(tiny_project)["tiny"]
        # The table is opened before anything is read; its commit alone is to fail.
        mend()
        ingest = Ingest(con, form, lake_of(tiny_project), NOW)
        results = ingest.add([file], None, lambda _: break_again(tiny_project))
        with pytest.raises(UserError):
            list(results)
        mend_again(tiny_project)
        (done,) = ingest.add([file], None, lambda _: None)

    assert counts([done]) == [(0, 1, 0, 2)]
    assert rejected(tiny_project) == ["no time", "no time"]


def break_again(project: Project) -> None:
    log = lake_of(project).path / "tiny" / "_delta_log"
    if log.is_dir():
        log.rename(log.with_name("kept"))
        log.write_text("in the way")


def mend_again(project: Project) -> None:
    log = lake_of(project).path / "tiny" / "_delta_log"
    log.unlink()
    log.with_name("kept").rename(log)


EVENTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=25)
"""Seconds since the last event, and which of a few texts it has."""


@st.composite
def windows(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """A log, and overlapping windows of whole seconds over all of it, as a program prints them meanwhile."""
    second = 0
    timed: list[tuple[int, str]] = []
    for gap, text in draw(EVENTS):
        second += gap
        bad = draw(st.booleans()) and text == 2
        timed.append((second, f"lost {second % 3}\n" if bad else tiny(second, f"text {text} of")))
    shown = []
    begins, ends = 0, 0
    while ends < len(timed):
        ends = draw(st.integers(ends + 1, len(timed)))
        shown.append([line for when, line in timed[:ends] if when >= begins])
        begins = draw(st.integers(begins, timed[ends - 1][0]))
    return [line for _, line in timed], shown


@settings(max_examples=25, deadline=None)
@given(split=windows(), at_once=st.booleans(), form=st.sampled_from([TINY, KEYED]))
def test_any_split_into_overlapping_windows_gives_each_event_once(
    split: tuple[list[str], list[list[str]]],
    form: str,
    *,
    at_once: bool,
) -> None:
    log, shown = split
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        ingest_format(project, form)
        texts = ["".join(lines) for lines in shown]
        results = show(project, *texts) if at_once else [r for t in texts for r in show(project, t)]

        written = sorted(line.strip() for line in log if not line.startswith("lost"))
        assert sorted(messages(project)) == written
        assert {line.strip() for line in log} - set(written) == set(rejected(project))
        assert [sum(one) for one in counts(results)] == [len(lines) for lines in shown]


def test_a_real_macs_log_in_overlapping_windows_gives_each_event_once(
    project: Project, real_logs: Path
) -> None:
    packed = (real_logs / "unified" / "dtformats_decoded.jsonl.gz").read_bytes()
    lines = gzip.decompress(packed).splitlines(keepends=True)
    for start in range(0, len(lines), 1500):
        show(project, b"".join(lines[max(0, start - 700) : start + 1500]), form="unified_log")

    counted = "count(*), count(distinct (boot_uuid, mach_time, thread))"
    assert rows(lake_of(project), "unified_log", counted, "1") == [(8654, 8654)]


def test_a_commit_ends_before_too_much_must_be_remembered(
    tiny_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "HELD", 3)
    monkeypatch.setattr(ingest, "_BATCH_BYTES", 1)
    show(tiny_project, *(tiny(n) + tiny(n + 1) for n in range(6)))

    assert len(messages(tiny_project)) == 7
    assert lake_of(tiny_project).table("tiny").version() == 2  # type: ignore[union-attr]


def test_units_that_are_read_together_are_compared_with_each_other(
    tiny_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "HELD", 3)
    show(tiny_project, *(tiny(n) + tiny(n + 1) for n in range(6)))

    assert len(messages(tiny_project)) == 7


def test_a_lake_without_anything_near_is_not_read(tiny_project: Project) -> None:
    show(tiny_project, tiny(1))
    lake = lake_of(tiny_project)
    for path in lake.files("tiny"):
        Path(path).write_bytes(b"not Parquet any more")
    schema = pa.schema([("ts", pa.timestamp("us", "UTC")), ("emitter", pa.string())])
    batch = pa.record_batch([[datetime(2026, 3, 10, 0, 30, tzinfo=UTC)], ["mac-1"]], schema=schema)

    assert Repeats(lake, "tiny", [], schema).begin().fresh(batch).tolist() == [True]


@given(st.lists(st.lists(st.integers(0, 9), max_size=20), max_size=8), st.lists(st.integers(0, 9)))
def test_a_tally_finds_each_key_as_often_as_it_was_added(
    added: list[list[int]], asked: list[int]
) -> None:
    tally = Tally()
    for some in added:
        tally.add(np.array(some, np.uint64))
    left = [key for some in added for key in some]
    expected = []
    for key in asked:
        expected.append(key in left)
        if key in left:
            left.remove(key)

    for _ in range(2):
        tally.again()
        assert tally.strike(np.array(asked, np.uint64)).tolist() == expected


def test_a_key_that_the_query_does_not_return_is_a_problem_at_its_line(project: Project) -> None:
    ingest_format(project, KEYED.replace("host, number", "host, nubmer"))
    path = project.root / "ingest" / "tiny.sql"

    wrong = [str(problem) for problem in lint.problems(Workspace.open(project.root))]

    assert f'{path}:5: key: the query returns no column "nubmer"' in wrong


def tables(project: Project, *words: str) -> str:
    return process(project, *words).out


def test_add_shows_no_column_that_would_be_empty(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "x.tiny"
    log.write_text(tiny(1))

    assert "repeated" not in tables(tiny_project, "add", str(log))


def test_a_table_of_results_says_what_was_there_before(
    tiny_project: Project, capsys: pytest.CaptureFixture[str]
) -> None:

    show(tiny_project, tiny(1))
    printing.results_table(show(tiny_project, tiny(1) + tiny(2)))

    assert "repeated" in capsys.readouterr().out
