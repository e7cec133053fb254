"""Files of hosts over SFTP: which are read, how far, and what is kept of them."""

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from ssh_server import NOW, Mac, aged, site

from lastseen.pull import remote_files, remote_list
from lastseen.pull.source import Errand

LOG = Mac.LOG


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mac]:
    with site(tmp_path, monkeypatch) as macs:
        yield Mac(macs)


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


def test_two_stars_are_any_number_of_folders(mac: Mac) -> None:
    mac.append("one\n")
    mac.server.file("var/log/a/b/deep.log").write_text("two\n")
    mac.server.file("var/log/a/.hidden.log").write_text("three\n")

    assert mac.new("/var/**/*.log") == "two\none\n"


def test_a_folder_without_end_is_a_problem_of_that_host_alone(
    mac: Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_list, "ENTRIES", 1000)
    mac.append("one\n")
    other = mac.site.server("other")
    other.endless = True
    outcome = mac.site.pull(
        hosts=(other.host, mac.server.host), paths=("/*/log/*.log",), timeout=timedelta(seconds=50)
    )

    assert outcome.problems == [f"{other.host}: /: over 1,000 files in one folder"]
    assert mac.site.text() == "one\n"


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


def test_a_signal_keeps_the_lines_that_came_and_loses_none(mac: Mac) -> None:
    whole = "".join(f"line {number}\n" for number in range(300_000))
    mac.append(whole)
    reads: list[int] = []
    mac.server.on_read = lambda: reads.append(1)
    outcome = mac.pull(errand=Errand(NOW, monotonic() + 60, lambda: len(reads) >= 3))
    first = mac.site.text()
    rest = mac.new()

    assert (outcome.problems, outcome.absent) == ([], [])
    assert len(first) < len(whole)
    assert first + rest == whole


def test_a_host_that_falls_silent_while_it_is_read_is_absent_and_loses_nothing(mac: Mac) -> None:
    mac.append("one\n")
    mac.server.on_read = lambda: asyncio.sleep(60)
    outcome = mac.pull(timeout=timedelta(seconds=1))
    mac.server.on_read = lambda: None

    assert (outcome.absent, outcome.problems) == (["127.0.0.1"], [])
    assert (mac.site.text(), mac.new()) == ("", "one\n")


def test_a_host_without_sftp_is_a_problem_of_that_host_alone(mac: Mac) -> None:
    mac.append("one\n")
    other = mac.site.server("other", sftp=False)
    outcome = mac.site.pull(hosts=(other.host, mac.server.host), paths=(LOG,))

    assert [problem.partition(": ")[0] for problem in outcome.problems] == [other.host]
    assert (outcome.absent, mac.site.text()) == ([], "one\n")
