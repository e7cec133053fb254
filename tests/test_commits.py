"""A table that is written ever more often stays short, whole and readable by others."""

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from support import TINY, add, ingest_format, lake_of, messages, rejected, rows, tiny

from lastseen import deltalog, formats, gather, tidy
from lastseen.lake import Lake
from lastseen.project import Project
from lastseen.recovery import Replaying

DAY = datetime(2026, 3, 10, tzinfo=UTC)
SCHEMA = pa.schema([("ts", pa.timestamp("us", "UTC")), ("n", pa.int64()), ("day", pa.date32())])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def write(lake: Lake, number: int) -> None:
    """Commit one row with a bookmark of its own."""
    row = {"ts": DAY, "n": number, "day": DAY.date()}
    with lake.writer("t", SCHEMA) as writer:
        writer.write(pa.RecordBatch.from_pylist([row], SCHEMA))
        writer.commit({f"file.{number}": number, "last": number})
    if writer.at_checkpoint:
        gather.gather(lake, "t")


def grown(project: Project, log: Path, times: int) -> None:
    """Add a log again and again, a line longer each time; every line has a neighbour that is none."""
    for number in range(times):
        with log.open("a") as file:
            file.write(tiny(number) + f"no time {number}\n")
        add(project, log)


def test_a_table_written_often_has_a_short_log_and_few_files(lake: Lake) -> None:
    for number in range(95):
        write(lake, number)

    log = list((lake.path / "t" / "_delta_log").iterdir())
    assert len(log) < 25
    assert len(lake.files("t")) < 35
    assert rows(lake, "t", "n", "n") == [(number,) for number in range(95)]


def test_gathered_rows_keep_the_order_in_which_they_came(lake: Lake) -> None:
    for number in range(40):
        write(lake, number)

    (first, *_) = lake.files("t")
    assert pq.ParquetFile(first).read()["n"].to_pylist() == list(range(30))


def test_another_delta_reader_opens_a_log_that_was_shortened(lake: Lake) -> None:
    for number in range(61):
        write(lake, number)

    table = DeltaTable(lake.path / "t")

    assert table.count() == 61
    assert [table.transaction_version(f"file.{n}") for n in (0, 30, 60)] == [0, 30, 60]


def test_bookmarks_outlive_the_commits_that_set_them(lake: Lake) -> None:
    for number in range(61):
        write(lake, number)

    marks = lake.marks("t")

    assert [marks[f"file.{n}"] for n in range(61)] == list(range(61))
    assert (marks["last"], marks["file.61"]) == (60, None)


def test_bookmarks_are_those_of_the_version_that_was_opened(lake: Lake) -> None:
    write(lake, 1)
    marks = lake.marks("t")
    write(lake, 2)

    assert (marks["last"], marks["file.2"]) == (1, None)


def test_a_log_in_another_programs_form_is_read_all_the_same(lake: Lake) -> None:
    for number in range(12):
        write(lake, number)
    log = lake.path / "t" / "_delta_log"
    whole = log / "00000000000000000009.checkpoint.parquet"
    whole.rename(log / "00000000000000000009.checkpoint.0000000001.0000000001.parquet")
    (log / "_last_checkpoint").unlink()
    (log / "00000000000000000003.json").unlink()

    assert deltalog.transactions(lake.path / "t", 12) is None
    assert lake.marks("t")["file.3"] == 3


def test_a_reader_that_opened_a_table_reads_on_while_it_is_written_and_gathered(lake: Lake) -> None:
    for number in range(25):
        write(lake, number)
    opened = DeltaTable(lake.path / "t")
    for number in range(25, 60):
        write(lake, number)

    assert opened.to_pyarrow_table().num_rows == 25
    opened.update_incremental()
    assert opened.count() == 60


def test_a_log_read_in_small_steps_is_whole_and_its_rejects_are_kept_once(
    tiny_project: Project, tmp_path: Path
) -> None:
    grown(tiny_project, tmp_path / "app.tiny", 31)

    lake = lake_of(tiny_project)
    assert messages(tiny_project) == [tiny(number).strip() for number in range(31)]
    assert rejected(tiny_project) == [f"no time {number}" for number in range(31)]
    assert rows(lake, "coverage", "sum(rows), sum(rejects), count(*)", "1") == [(31, 31, 31)]
    assert [len(lake.files(name)) < 30 for name in ("tiny", "rejects", "coverage")] == [True] * 3


def test_a_day_that_was_gathered_is_put_in_order_once_it_is_over(
    tiny_project: Project, tmp_path: Path
) -> None:
    lake, later = lake_of(tiny_project), datetime(2026, 3, 20, tzinfo=UTC)
    spill = tmp_path / "spill"
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1000))
    add(tiny_project, log)
    list(tidy.tidy(lake, None, later, spill))
    grown(tiny_project, log, 30)
    gather.gather(lake, "tiny")
    gathered = len(lake.files("tiny"))

    list(tidy.tidy(lake, None, later, spill))

    assert gathered < 10
    assert len(messages(tiny_project)) == 31
    assert lake.marks("tiny")[gather.ordered_mark(date(2026, 3, 10))] == 1


def test_columns_that_a_format_gained_are_null_in_gathered_rows(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    grown(tiny_project, log, 25)
    longer = TINY.replace("    line\nfrom", "    line,\n    length(text) as size\nfrom")
    ingest_format(tiny_project, longer)
    grown(tiny_project, log, 4)

    gather.gather(lake_of(tiny_project), "tiny")

    assert len(lake_of(tiny_project).files("tiny")) == 1
    sizes = rows(lake_of(tiny_project), "tiny", "size", "line")
    assert sizes == [(None,)] * 25 + [(36,)] * 4


def test_a_replay_that_died_is_finished_before_rejects_are_gathered(
    tiny_project: Project, tmp_path: Path
) -> None:
    lake = lake_of(tiny_project)
    log = tmp_path / "app.tiny"
    grown(tiny_project, log, 1)
    (path,) = lake.files("rejects")
    step = Replaying.begin(lake, "tiny", path, [0])
    with formats.prepare(tiny_project) as con:
        schema = formats.schema(con, formats.load(tiny_project)["tiny"])
    with lake.writer("tiny", schema) as writer:
        writer.commit(step.marks)

    grown(tiny_project, log, 31)

    assert rejected(tiny_project) == [f"no time {number}" for number in range(31)]
