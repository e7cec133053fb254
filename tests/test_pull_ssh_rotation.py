"""Files of hosts that are rotated, copied, cut off or packed between two pulls: each line comes once."""

import bz2
import gzip
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from ssh_server import Mac, aged, site

LOG = Mac.LOG


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mac]:
    with site(tmp_path, monkeypatch) as macs:
        yield Mac(macs)


def test_lines_written_before_a_rotation_come_from_the_rotated_file(mac: Mac) -> None:
    mac.append("one\ntwo\n")
    mac.new()
    mac.append("late\n")
    mac.log.rename(mac.beside(".1"))
    mac.append("new\n")
    mac.pull()
    name = f"ssh://{mac.server.host}{LOG}"

    assert mac.site.take() == [(f"{name}.1", 3, "late\n"), (name, 1, "new\n")]


def test_a_log_that_was_rotated_and_is_not_yet_made_anew_is_no_problem(mac: Mac) -> None:
    mac.append("one\n")
    mac.new()
    mac.append("late\n")
    mac.log.rename(mac.beside("-20260310"))

    assert mac.new() == "late\n"


def test_a_log_that_was_copied_and_cut_off_is_read_on(mac: Mac) -> None:
    mac.append("one\n")
    mac.new()
    mac.append("late\n")
    mac.beside(".1").write_bytes(mac.log.read_bytes())
    mac.log.write_text("new one\n")

    assert (mac.new(), mac.new()) == ("late\nnew one\n", "")


def test_a_copy_that_is_still_being_made_is_left_alone(mac: Mac) -> None:
    mac.append("one\ntwo\nthree\n")
    mac.new()
    mac.beside(".1").write_text("one\ntwo\n")
    early = mac.new()
    mac.beside(".1").write_text("one\ntwo\nthree\n")
    mac.log.write_text("four\n")

    assert (early, mac.new()) == ("", "four\n")


def test_a_log_that_was_truncated_is_read_from_its_beginning(mac: Mac) -> None:
    mac.append("one\ntwo\n")
    mac.new()
    mac.log.write_text("new\n")

    assert (mac.new(), mac.new()) == ("new\n", "")


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_lines_of_a_rotated_file_that_was_packed_come_unpacked(
    mac: Mac, ending: str, pack: object
) -> None:
    assert callable(pack)
    mac.append("one\n")
    mac.new()
    mac.append("late\nlast")
    mac.beside(f".1{ending}").write_bytes(pack(mac.log.read_bytes()))
    mac.log.write_text("new\n")
    mac.pull()
    name = f"ssh://{mac.server.host}{LOG}"

    assert mac.site.take() == [(f"{name}.1{ending}", 2, "late\nlast"), (name, 1, "new\n")]


def test_a_packed_file_that_moves_on_is_not_fetched_again(mac: Mac) -> None:
    mac.append("one\n")
    mac.new()
    mac.beside(".1.gz").write_bytes(gzip.compress(b"one\nlate\n"))
    mac.log.write_text("new\n")
    first = mac.new()
    mac.beside(".1.gz").rename(mac.beside(".2.gz"))
    reads: list[int] = []
    mac.server.on_read = lambda: reads.append(1)

    assert (first, mac.new(), mac.new()) == ("late\nnew\n", "", "")
    assert len(reads) == 1


def test_a_file_that_is_being_packed_is_read_where_it_is_whole(mac: Mac) -> None:
    mac.append("one\n")
    mac.new()
    mac.append("late\n")
    mac.log.rename(mac.beside(".1"))
    mac.beside(".1.gz").write_bytes(gzip.compress(b"one\nlate\n")[:12])
    during = mac.new(LOG)
    mac.beside(".1.gz").write_bytes(gzip.compress(b"one\nlate\n"))
    mac.beside(".1").unlink()

    assert (during, mac.new()) == ("late\n", "")


def test_a_damaged_packed_file_is_told_once_and_read_as_far_as_it_goes(mac: Mac) -> None:
    mac.append("one\n")
    whole = Random(1).randbytes(500_000).hex("\n", 30)  # noqa: S311 - the same bytes each time
    mac.beside(".1.gz").write_bytes(gzip.compress(whole.encode())[:-500])
    told, text, again = mac.pull().problems, mac.site.text(), mac.pull().problems

    assert told == [
        f"{mac.server.host}: {LOG}.1.gz: the compressed data breaks off; what came before that was read"
    ]
    assert (again, mac.site.text()) == ([], "")
    assert len(text) > 700_000
    assert whole.startswith(text.removesuffix("one\n"))


def test_a_file_that_came_and_went_between_two_pulls_is_read(mac: Mac) -> None:
    mac.append("one\n")
    mac.new()
    mac.log.rename(mac.beside(".2"))
    mac.beside(".1").write_text("between\n")
    mac.append("new\n")
    aged(mac.beside(".2"), 0.03)
    aged(mac.beside(".1"), 0.02)

    assert mac.new() == "between\nnew\n"


def test_the_first_pull_takes_of_rotated_files_the_recent_ones(mac: Mac) -> None:
    for days, ending in ((3, ".3.gz"), (2, ".2.gz"), (0.5, ".1.gz")):
        mac.beside(ending).write_bytes(gzip.compress(f"{days} days ago\n".encode()))
        aged(mac.beside(ending), days)
    mac.append("now\n")
    aged(mac.log, 9)

    assert (mac.new(), mac.new()) == ("0.5 days ago\nnow\n", "")


def test_half_a_line_of_a_rotated_file_is_taken_once_it_stood_still(mac: Mac) -> None:
    mac.append("one\n")
    mac.new()
    mac.append("tw")
    mac.log.rename(mac.beside(".1"))
    mac.append("new\n")
    told = [mac.new(), mac.new(), mac.new()]

    assert told == ["new\n", "tw", ""]


def test_half_a_line_of_a_rotated_file_that_goes_on_is_not_torn(mac: Mac) -> None:
    mac.append("tw")
    mac.log.rename(mac.beside(".1"))
    mac.append("new\n")
    first = mac.new()
    with mac.beside(".1").open("a") as file:
        file.write("o\n")

    assert (first, mac.new(), mac.new()) == ("new\n", "two\n", "")
