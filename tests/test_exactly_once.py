"""Each line of a log is in the lake once, however it came: in pieces, under other names, packed, twice."""

import bz2
import gzip
import lzma
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import add, ingest_format, lake_of, lines_of, messages, rejected, rows, tiny

from lastseen.project import Project

PIECES = st.one_of(
    st.integers(0, 400).map(lambda number: tiny(number).encode()),
    st.sampled_from([
        b"\n", b"\r\n", b"## banner\n", b"no time at all\n", b"\x80\xfe\n", b"\0\0\0",
        b"2026-03-10T06:00:00Z mac-1 caf\xc3\xa9\r\n", b"2026-03-10T06:00:00Z mac-1 \xc3", b"x",
    ]),
)  # fmt: skip
CONTENT = st.lists(PIECES, max_size=12).map(b"".join)


def oracle(content: bytes, cuts: list[int]) -> tuple[list[str], list[str]]:
    """The rows and rejects of a file that grows piece by piece, worked out line by line."""
    good: list[str] = []
    bad: list[str] = []
    inside = False
    for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
        for number, raw in enumerate(content[start:end].split(b"\n")):
            text = raw.replace(b"\0", b"").decode(errors="backslashreplace").removesuffix("\r")
            rest = number == 0 and inside
            if text and rest:
                bad.append(text)
            elif re.match(r"2026-03-10T\d\d:\d\d:\d\dZ ", text):
                good.append(text)
            elif text and not text.startswith("##"):
                bad.append(text)
        last = content[:end].rpartition(b"\n")[2]
        inside = bool(last.strip(b"\0")) if end > start else inside
    return sorted(good), sorted(bad)


@settings(max_examples=25, deadline=None)
@given(content=CONTENT, data=st.data())
def test_a_file_added_piece_by_piece_gives_each_line_once(
    content: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=3)))
    with tempfile.TemporaryDirectory() as folder:
        project = Project(Path(folder))
        ingest_format(project)
        log = Path(folder) / "app.tiny"
        for end in [*cuts, len(content)]:
            log.write_bytes(content[:end])
            add(project, log)
            add(project, log)

        assert (sorted(messages(project)), sorted(rejected(project))) == oracle(content, cuts)


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
    "gzip in two members": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "zstd in two frames": lambda data: (
        pa.compress(data[:50], "zstd", asbytes=True) + pa.compress(data[50:], "zstd", asbytes=True)
    ),
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_renamed_copied_or_packed_file_adds_nothing(
    pack: Callable[[bytes], bytes], tiny_project: Project, tmp_path: Path
) -> None:
    content = lines_of(range(100)).encode()
    (tmp_path / "app.tiny").write_bytes(content)
    (tmp_path / "app.tiny.1").write_bytes(pack(content))
    add(tiny_project, tmp_path / "app.tiny")

    (result,) = add(tiny_project, tmp_path / "app.tiny.1")

    assert (result.already, result.rows, result.problem) == (True, 0, None)
    assert len(messages(tiny_project)) == 100


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_packed_file_gives_the_rows_of_the_plain_one(
    pack: Callable[[bytes], bytes], tiny_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "app.tiny.1").write_bytes(pack(lines_of(range(100)).encode()))

    (result,) = add(tiny_project, tmp_path / "app.tiny.1")

    assert (result.rows, result.rejects, result.problem) == (100, 0, None)


def test_only_the_lines_after_a_rotation_are_new(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(lines_of(range(5000)))
    add(tiny_project, log)
    rotated = tmp_path / "app.tiny.1.gz"
    rotated.write_bytes(gzip.compress(lines_of(range(5010)).encode()))
    log.write_text(lines_of(range(5010, 5015)))

    results = add(tiny_project, rotated, log)

    assert [(result.rows, result.already) for result in results] == [(10, False), (5, False)]
    assert len(set(messages(tiny_project))) == 5015


def test_a_file_overwritten_from_its_start_is_new(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(lines_of(range(100)))
    add(tiny_project, log)
    log.write_text(lines_of(range(200, 400)))

    (result,) = add(tiny_project, log)

    assert result.rows == 200


def test_a_file_truncated_under_its_writer_begins_with_a_hole_and_is_new(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(lines_of(range(100)))
    add(tiny_project, log)
    log.write_bytes(b"\0" * 20_000_000 + lines_of(range(100, 103)).encode())

    (result,) = add(tiny_project, log, format=None)

    assert (result.format, result.rows, result.rejects) == ("tiny", 3, 0)


def test_a_file_that_is_but_a_hole_is_read_once_its_lines_come(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_bytes(b"\0" * 100)
    add(tiny_project, log)
    log.write_bytes(b"\0" * 100 + lines_of([1, 2]).encode())

    (result,) = add(tiny_project, log)

    assert (result.rows, result.rejects) == (2, 0)


def test_two_exports_with_one_long_banner_are_two_files(
    tiny_project: Project, tmp_path: Path
) -> None:
    banner = "## banner\n" * 10_000
    for name, numbers in (("one", range(5)), ("two", range(5, 10))):
        (tmp_path / f"{name}.tiny").write_text(banner + lines_of(numbers))

    results = add(tiny_project, tmp_path / "*.tiny")

    assert [(result.rows, result.already) for result in results] == [(5, False), (5, False)]


def test_many_small_files_with_one_beginning_are_all_told_apart(
    tiny_project: Project, tmp_path: Path
) -> None:
    for number in range(60):
        banner = "## one banner, the same in each file, longer than what follows it. " * 3
        (tmp_path / f"{number}.tiny").write_text(f"{banner}\n{tiny(number)}")
    add(tiny_project, tmp_path / "*.tiny")

    again = add(tiny_project, tmp_path / "*.tiny")

    assert [result.already for result in again] == [True] * 60
    assert len(messages(tiny_project)) == 60


def test_the_same_bytes_from_two_hosts_are_two_files(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(lines_of(range(3)))

    results = [add(tiny_project, log, host=host)[0] for host in ("mac-1", "mac-2", "mac-1")]

    assert [result.already for result in results] == [False, False, True]
    emitters = {emitter for (emitter,) in rows(lake_of(tiny_project), "tiny", "emitter")}
    assert emitters == {"mac-1", "mac-2"}


def test_the_host_stands_in_the_path(tiny_project: Project, tmp_path: Path) -> None:
    for host in ("mac-1", "mac-2"):
        (tmp_path / "inbox" / host).mkdir(parents=True)
        (tmp_path / "inbox" / host / "app.tiny").write_text(lines_of(range(3)))

    results = add(tiny_project, tmp_path / "inbox" / "{host}" / "*.tiny")

    assert [result.rows for result in results] == [3, 3]


def test_a_file_named_twice_in_one_call_is_read_once(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(lines_of(range(3)))
    (tmp_path / "link.tiny").symlink_to(log)

    results = add(tiny_project, log, tmp_path / "*.tiny", log)

    assert sorted((result.rows, result.already) for result in results) == [(0, True), (3, False)]
    assert len(messages(tiny_project)) == 3


def test_two_files_with_one_name_are_both_read(tiny_project: Project, tmp_path: Path) -> None:
    for folder, numbers in (("a", range(3)), ("b", range(3, 6))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "app.tiny").write_text(lines_of(numbers))

    results = add(tiny_project, tmp_path / "a", tmp_path / "b")

    assert [result.rows for result in results] == [3, 3]


def test_the_rest_of_a_line_read_before_its_end_is_a_reject_that_says_so(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1) + "2026-03-10T06:00:00Z mac-1 begins")
    add(tiny_project, log)
    with log.open("a") as more:
        more.write(" and ends\n" + tiny(2))
    add(tiny_project, log)

    kept = rows(lake_of(tiny_project), "rejects", "line, text, reason")
    assert kept == [
        (2, " and ends",
         "the rest of a line that was read before its end; read the file once it is complete"),
    ]  # fmt: skip
    assert [line for (line,) in rows(lake_of(tiny_project), "tiny", "line")] == [1, 2, 3]


def test_the_late_end_of_a_line_that_was_whole_is_no_reject(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1).removesuffix("\n"))
    add(tiny_project, log)
    log.write_text(tiny(1) + tiny(2))
    add(tiny_project, log)

    assert (len(messages(tiny_project)), rejected(tiny_project)) == (2, [])
