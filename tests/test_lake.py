"""The lake: one typed table a format, readable by others, kept small, and clear about damage."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from conftest import Runner
from deltalake import DeltaTable
from support import (
    TINY,
    add,
    ingest_format,
    lake_of,
    lines_of,
    messages,
    rejected,
    rows,
    tiny,
)

from lastseen import formats, recovery, replay, tidy
from lastseen.errors import Exit, UserError
from lastseen.project import Project
from lastseen.recovery import Replaying

LATER = datetime(2026, 3, 20, tzinfo=UTC)


def tidied(project: Project, keep: timedelta | None = None) -> dict[str, tidy.Tidied]:
    done = tidy.tidy(lake_of(project), keep, LATER, project.root / "spill")
    return {one.table: one for one in done}


def test_another_delta_reader_finds_the_same_rows(tiny_project: Project, tmp_path: Path) -> None:
    (tmp_path / "app.tiny").write_text(lines_of(range(5)))
    add(tiny_project, tmp_path / "app.tiny")

    table = DeltaTable(lake_of(tiny_project).path / "tiny")

    assert table.metadata().partition_columns == ["day"]
    assert len(table.file_uris()) == 1
    assert table.count() == 5


def test_a_column_that_a_format_gains_is_null_in_older_rows(
    tiny_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "app.tiny").write_text(tiny(1))
    add(tiny_project, tmp_path / "app.tiny")
    longer = TINY.replace("    line\nfrom", "    line,\n    length(text) as size\nfrom")
    ingest_format(tiny_project, longer)
    (tmp_path / "app.tiny").write_text(tiny(1) + tiny(2))
    add(tiny_project, tmp_path / "app.tiny")

    assert rows(lake_of(tiny_project), "tiny", "line, size") == [(1, None), (2, 36)]


def test_a_column_that_a_format_gains_can_be_asked_for_before_the_next_add(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "app.tiny").write_text(tiny(1))
    add(tiny_project, tmp_path / "app.tiny")
    longer = TINY.replace("    line\nfrom", "    line,\n    length(text) as size\nfrom")
    ingest_format(tiny_project, longer)

    ran = run("-C", tiny_project.root, "sql", "select size from tiny", "--format", "json")

    assert ran.out == '[\n  {"size": null}\n]\n'


def test_a_changed_type_names_the_format_the_column_and_both_types(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    sized = TINY.replace("    line\nfrom", "    line,\n    length(text) as size\nfrom")
    ingest_format(tiny_project, sized)
    (tmp_path / "app.tiny").write_text(tiny(1))
    add(tiny_project, tmp_path / "app.tiny")
    ingest_format(tiny_project, sized.replace("length(text)", "length(text)::varchar"))
    (tmp_path / "app.tiny").write_text(tiny(1) + tiny(2))

    for words in (["add", tmp_path / "app.tiny"], ["sql", "from tiny"]):
        ran = run("-C", tiny_project.root, *words)

        assert ran.code == 2
        assert ran.err.startswith(
            'error: format tiny: column "size" is string, but the lake holds int64; '
        )


def test_a_log_of_a_year_is_a_file_a_day_whatever_its_order(
    tiny_project: Project, tmp_path: Path
) -> None:
    first = date(2025, 1, 1)
    days = [first + timedelta(days=(n * 109) % 365) for n in range(365 * 3)]
    (tmp_path / "app.tiny").write_text(
        "".join(f"{day}T00:00:00Z mac-1 {n}\n" for n, day in enumerate(days))
    )
    (result,) = add(tiny_project, tmp_path / "app.tiny")

    assert result.rows == 1095
    assert len(lake_of(tiny_project).files("tiny")) == 365


def test_a_closed_day_is_ordered_by_host_and_time_and_keeps_its_rows(
    tiny_project: Project, tmp_path: Path
) -> None:
    for part in range(3):
        (tmp_path / f"{part}.tiny").write_text(lines_of(range(part, 300, 3)))
        add(tiny_project, tmp_path / f"{part}.tiny")
    before = messages(tiny_project)

    done = tidied(tiny_project)["tiny"]

    assert (done.files_before, done.files_after, done.days) == (3, 1, 1)
    assert messages(tiny_project) == before
    (path,) = lake_of(tiny_project).files("tiny")
    stored = duckdb.execute(f"select host, ts::varchar from '{path}'").fetchall()
    assert stored == sorted(stored)


def test_tidy_twice_changes_nothing_the_second_time(tiny_project: Project, tmp_path: Path) -> None:
    (tmp_path / "app.tiny").write_text(lines_of(range(100)))
    add(tiny_project, tmp_path / "app.tiny")
    tidied(tiny_project)
    files = lake_of(tiny_project).files("tiny")

    again = tidied(tiny_project)["tiny"]

    assert (again.days, lake_of(tiny_project).files("tiny")) == (0, files)


def test_tidy_leaves_the_files_that_a_reader_has_in_its_list(
    tiny_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "app.tiny").write_text(lines_of(range(100)))
    add(tiny_project, tmp_path / "app.tiny")
    held = lake_of(tiny_project).files("tiny")

    tidied(tiny_project)

    assert lake_of(tiny_project).files("tiny") != held
    assert all(Path(path).exists() for path in held)


def test_tidy_drops_days_older_than_keep_and_what_was_read_stays_read(
    tiny_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "app.tiny").write_text("2026-03-01T00:00:00Z mac-1 old\n" + tiny(1))
    add(tiny_project, tmp_path / "app.tiny", now=LATER)

    done = tidied(tiny_project, timedelta(days=15))["tiny"]

    assert (done.forgotten, messages(tiny_project)) == (1, [tiny(1).strip()])
    (again,) = add(tiny_project, tmp_path / "app.tiny", now=LATER)
    assert again.already


def test_tidy_makes_one_file_of_many_days_with_old_and_new_columns(
    tiny_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "app.tiny").write_text(tiny(1))
    add(tiny_project, tmp_path / "app.tiny")
    ingest_format(
        tiny_project, TINY.replace("    line\nfrom", "    line,\n    length(text) as size\nfrom")
    )
    (tmp_path / "app.tiny").write_text(tiny(1) + tiny(2))
    add(tiny_project, tmp_path / "app.tiny")

    tidied(tiny_project)

    assert len(lake_of(tiny_project).files("tiny")) == 1
    assert rows(lake_of(tiny_project), "tiny", "line, size") == [(1, None), (2, 36)]


BLIND = TINY.replace("then try_cast", "and text not like '%secret%' then try_cast")


def reject_some(project: Project, tmp_path: Path) -> None:
    """Add lines of which the format cannot yet read some, from two files of one name."""
    ingest_format(project, BLIND)
    for folder, numbers in (("a", range(3)), ("b", range(3, 6))):
        (tmp_path / folder).mkdir()
        log = tmp_path / folder / "app.tiny"
        log.write_text(lines_of(numbers) + tiny(10 + numbers[0], "secret"))
    (tmp_path / "app.tiny").symlink_to(tmp_path / "a" / "app.tiny")
    add(project, tmp_path / "app.tiny")
    (tmp_path / "app.tiny").unlink()
    (tmp_path / "app.tiny").write_text((tmp_path / "b" / "app.tiny").read_text() + "no time\n")
    add(project, tmp_path / "app.tiny")


def test_replay_reads_what_a_mended_format_can_read(project: Project, tmp_path: Path) -> None:
    reject_some(project, tmp_path)
    ingest_format(project)

    done = replay.replay(project, lake_of(project))

    assert done == [replay.Replayed("tiny", 2, 1)]
    assert rejected(project) == ["no time"]
    assert len(set(messages(project))) == 8


def test_replay_twice_repeats_nothing(project: Project, tmp_path: Path) -> None:
    reject_some(project, tmp_path)
    ingest_format(project)

    for _ in range(2):
        replay.replay(project, lake_of(project))

    assert (len(messages(project)), rejected(project)) == (8, ["no time"])


def test_rejects_of_two_files_of_one_name_are_told_apart(project: Project, tmp_path: Path) -> None:
    reject_some(project, tmp_path)
    half = BLIND.replace("not like '%secret%'", "not like '%secret 13%'")
    ingest_format(project, half)

    replay.replay(project, lake_of(project))

    assert rejected(project) == [tiny(13, "secret").strip(), "no time"]


def test_a_replay_that_died_between_its_commits_is_finished_by_the_next(
    project: Project, tmp_path: Path
) -> None:
    reject_some(project, tmp_path)
    ingest_format(project)
    lake = lake_of(project)
    (path, *_) = lake.files("rejects")
    step = Replaying.begin(lake, "tiny", path, [0])
    with formats.prepare(project) as con:
        schema = formats.schema(con, formats.load(project)["tiny"])
    with lake.writer("tiny", schema) as writer:
        writer.commit(step.marks)
    (tmp_path / "late.tiny").write_text("another without time\n")
    add(project, tmp_path / "late.tiny")

    recovery.finish_replay(lake)

    assert len(rejected(project)) == 3
    assert not (lake.path / ".replaying.json").exists()


def test_a_replay_that_died_before_its_first_commit_has_done_nothing(
    project: Project, tmp_path: Path
) -> None:
    reject_some(project, tmp_path)
    lake = lake_of(project)
    (path, *_) = lake.files("rejects")
    Replaying.begin(lake, "tiny", path, [0])

    recovery.finish_replay(lake)

    assert len(rejected(project)) == 3


def damage(project: Project, how: str) -> None:
    lake = lake_of(project)
    (path,) = map(Path, lake.files("tiny"))
    log = lake.path / "tiny" / "_delta_log"
    if how == "deleted Parquet file":
        path.unlink()
    elif how == "truncated Parquet file":
        path.write_bytes(path.read_bytes()[:-100])
    elif how == "overwritten Parquet data":
        data = path.read_bytes()
        path.write_bytes(data[:4] + b"\xff" * 300 + data[304:])
    elif how == "broken log":
        for entry in log.glob("*.json"):
            entry.write_text('{"add": nonsense')
    elif how == "empty log":
        for entry in log.glob("*.json"):
            entry.unlink()


@pytest.mark.parametrize(
    "how",
    [
        "deleted Parquet file",
        "truncated Parquet file",
        "overwritten Parquet data",
        "broken log",
        "empty log",
    ],
)
def test_a_damaged_lake_is_one_clear_line_and_exit_4(
    how: str, tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "app.tiny").write_text(lines_of(range(200)))
    add(tiny_project, tmp_path / "app.tiny")
    damage(tiny_project, how)

    for words in (["sql", "select * from tiny"], ["tidy", "--now", "2026-03-20"]):
        ran = run("-C", tiny_project.root, *words)

        assert (ran.code, ran.out) == (4, "")
        assert ran.err.startswith(f"error: {lake_of(tiny_project).path}")
        assert ": the table is damaged: " in ran.err
        assert ran.err.count("\n") == 1


def test_a_format_with_a_type_that_delta_lacks_is_refused(tiny_project: Project) -> None:
    ingest_format(
        tiny_project, TINY.replace("    line\nfrom", "    line,\n    1::utinyint as n\nfrom")
    )
    with (
        formats.prepare(tiny_project) as con,
        pytest.raises(UserError, match='column "n" is uint8, which Delta cannot hold') as refused,
    ):
        formats.schema(con, formats.load(tiny_project)["tiny"])

    assert refused.value.code is Exit.USAGE
