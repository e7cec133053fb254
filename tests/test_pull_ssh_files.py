"""Files of hosts over SFTP: read on from where the last pull ended, whatever became of them in between."""

import bz2
import gzip
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from time import monotonic

import pytest
from ssh_server import NOW, Server, Site, site

from lastseen.pull import remote_files
from lastseen.pull.source import Errand, Outcome

LOG = "/var/log/orbit.log"


class Mac:
    """One host with a log."""

    def __init__(self, macs: Site) -> None:
        self.site = macs
        self.server: Server = macs.server()
        self.log = self.server.file("var/log/orbit.log")

    def beside(self, ending: str) -> Path:
        return self.log.with_name(self.log.name + ending)

    def append(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(text)

    def pull(self, *paths: str, **keys: object) -> Outcome:
        return self.site.pull(hosts=(self.server.host,), paths=paths or (LOG,), **keys)

    def new(self, *paths: str) -> str:
        """Pull, and return what came."""
        assert self.pull(*paths).problems == []
        return self.site.text()


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mac]:
    with site(tmp_path, monkeypatch) as macs:
        yield Mac(macs)


def aged(path: Path, days: float) -> None:
    """Make a file look as if it was changed some days before the pull."""
    when = NOW.timestamp() - days * 86_400
    os.utime(path, (when, when))


def test_a_file_is_read_on_from_where_the_last_pull_ended(mac: Mac) -> None:
    mac.append("one\ntwo\n")
    mac.pull()
    mac.append("three\n")
    mac.pull()
    mac.pull()
    name = f"ssh://{mac.server.host}{LOG}"

    assert mac.site.take() == [(name, 1, "one\ntwo\n"), (name, 3, "three\n")]


def test_a_unit_knows_its_host_its_format_and_when_it_was_written(mac: Mac) -> None:
    mac.append("one\n")
    aged(mac.log, 3)
    mac.pull(format="tiny", zone="Europe/Berlin")
    (unit,) = mac.site.spool().waiting()

    assert (unit.file.emitter, unit.format, unit.zone) == ("127.0.0.1", "tiny", "Europe/Berlin")
    assert unit.file.path.stat().st_mtime == NOW.timestamp() - 3 * 86_400


def test_a_line_without_its_end_waits_for_it(mac: Mac) -> None:
    mac.append("one\nhal")
    first = mac.new()
    mac.append("f\n")

    assert (first, mac.new(), mac.new()) == ("one\n", "half\n", "")


def test_a_file_with_only_half_a_line_waits_too(mac: Mac) -> None:
    mac.append("hal")
    first = mac.new()
    mac.append("f\n")

    assert (first, mac.new()) == ("", "half\n")


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


def test_two_files_that_begin_alike_are_two_files(mac: Mac) -> None:
    banner = "# a banner of some length\n" * 4000
    mac.server.file("var/log/a.log").write_text(banner + "of a\n")
    mac.server.file("var/log/b.log").write_text(banner + "of b\n")
    text = mac.new("/var/log/?.log")

    assert len(text) == 2 * (len(banner) + 5)


def test_hosts_with_the_same_bytes_are_apart(mac: Mac) -> None:
    other = mac.site.server("other")
    other.file("var/log/orbit.log").write_text("one\n")
    mac.append("one\n")
    mac.site.pull(hosts=(mac.server.host, other.host), paths=(LOG,))

    assert mac.site.text() == "one\none\n"


def test_globs_are_of_the_other_side_and_a_link_is_followed(mac: Mac) -> None:
    mac.append("one\n")
    mac.server.file("var/log/fleet/desktop.log").write_text("two\n")
    mac.server.file("var/log/osquery/link.log").symlink_to(mac.log)
    mac.server.file("var/log/fleet/deep.log").parent.joinpath("folder.log").mkdir()
    os.mkfifo(mac.log.with_name("pipe.log"))

    assert mac.new("/var/log/*/*.log", "/var/log/*.log") == "two\none\n"


def test_a_file_that_is_not_there_is_a_problem_of_that_host_alone(mac: Mac) -> None:
    mac.append("one\n")
    other = mac.site.server("other")
    outcome = mac.site.pull(
        hosts=(other.host, mac.server.host), paths=(LOG, "/var/log/orbit.*"), timeout=timedelta(5)
    )

    assert outcome.problems == [
        f"{other.host}: /var/log/orbit.log: no such file",
        f"{other.host}: /var/log/orbit.*: no such file",
    ]
    assert (outcome.absent, mac.site.text()) == ([], "one\n")


def test_a_hostile_name_goes_nowhere_but_into_the_note(mac: Mac) -> None:
    mac.log.with_name(os.fsdecode(b"\xff\x1b[2J\n..%2f.log")).write_text("one\n")
    mac.pull("/var/log/*.log")
    ((name, _, text),) = mac.site.take()

    assert (name, text) == (
        f"ssh://{mac.server.host}/var/log/\\xff\\x1b[2J\\n..%2f.log",
        "one\n",
    )


def test_a_large_file_becomes_units_of_whole_lines(
    mac: Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "UNIT", 100_000)
    whole = "".join(f"line {number}\n" for number in range(30_000))
    mac.append(whole)
    mac.pull()
    units = mac.site.take()

    assert "".join(text for _, _, text in units) == whole
    assert [len(text) for _, _, text in units][:3] == [99_990, 99_990, 99_990]
    assert all(text.startswith(f"line {line - 1}\n") for _, line, text in units)


def test_a_line_without_any_end_is_a_problem(mac: Mac, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_files, "UNIT", 1 << 20)
    mac.append("x" * (2 << 20))

    assert mac.pull().problems == [
        f"{mac.server.host}: {LOG}: over 1 MiB without a line's end; is this a log?"
    ]


def test_a_file_cut_off_while_it_is_read_is_read_anew_the_next_time(mac: Mac) -> None:
    mac.append("old line\n" * 300_000)

    def cut() -> None:
        if (reads := len(seen)) == 2:
            mac.log.write_text("new line\n" * 2)
        seen.append(reads)

    seen: list[int] = []
    mac.server.on_read = cut
    first = mac.new()

    assert (first, mac.new(), mac.new()) == ("", "new line\n" * 2, "")


def test_a_file_written_over_while_it_is_read_is_read_anew_the_next_time(mac: Mac) -> None:
    mac.append("old line\n" * 300_000)

    def write() -> None:
        if (reads := len(seen)) == 2:
            mac.log.write_text("new line\n" * 300_000)
        seen.append(reads)

    seen: list[int] = []
    mac.server.on_read = write
    first = mac.new()

    assert (first, mac.new() == "new line\n" * 300_000, mac.new()) == ("", True, "")


def test_a_run_that_dies_between_two_units_keeps_the_first_and_goes_on_there(
    mac: Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "UNIT", 1 << 20)
    whole = "".join(f"line {number}\n" for number in range(300_000))
    mac.append(whole)

    def dies() -> bool:
        if list((mac.site.root / "spool" / "macs").glob("[0-9]*")):
            raise RuntimeError("killed")
        return False

    with pytest.raises(RuntimeError):
        mac.pull(errand=Errand(NOW, monotonic() + 60, dies))
    first = mac.site.text()
    rest = mac.new()

    assert 0 < len(first) <= 1 << 20
    assert first + rest == whole


def test_a_host_back_after_a_year_is_read_on(mac: Mac) -> None:
    mac.append("one\n")
    mac.new()
    mac.append("two\n")
    mac.pull(now=NOW + timedelta(days=400))

    assert mac.site.text() == "two\n"


def test_what_is_known_of_files_long_gone_is_forgotten(mac: Mac) -> None:
    mac.beside(".1").write_text("one\n")
    mac.append("two\n")
    mac.pull()
    mac.beside(".1").unlink()
    before = len(mac.site.spool().recall_all("file/"))
    for days in range(1, 64, 30):
        mac.pull(now=NOW + timedelta(days=days))
    mac.pull(now=NOW + timedelta(days=65))

    assert (before, len(mac.site.spool().recall_all("file/"))) == (2, 1)
