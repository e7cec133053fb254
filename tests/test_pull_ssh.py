"""Commands on many hosts over SSH: what comes, what is kept, and what is said of hosts that give nothing."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from ssh_server import NOW, Site, site

from lastseen.errors import UserError
from lastseen.pull.source import Errand

ECHO = ("printf", "one\\ntwo\\n")


@pytest.fixture
def macs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(tmp_path, monkeypatch) as found:
        yield found


def test_what_a_command_prints_comes_with_its_host(macs: Site) -> None:
    server = macs.server()
    (macs.config / "config").write_text(f"Host mac-015\nHostName 127.0.0.1\nPort {server.port}\n")
    outcome = macs.pull(hosts=("mac-015",), command=ECHO, format="tiny", zone="Europe/Berlin")
    (unit,) = macs.spool().waiting()

    assert (outcome.wanted, outcome.problems, outcome.absent) == (1, [], [])
    assert unit.file.path.read_text() == "one\ntwo\n"
    assert (unit.file.name, unit.file.emitter) == ("ssh://mac-015#macs", "mac-015")
    assert (unit.format, unit.zone) == ("tiny", "Europe/Berlin")


def test_each_pull_asks_for_the_time_since_the_last_one(macs: Site) -> None:
    server = macs.server()
    ask: dict[str, Any] = {"hosts": (server.host,), "command": ("echo", "{since}", "{until}")}
    macs.pull(**ask, since=timedelta(hours=2))
    macs.pull(**ask, now=NOW + timedelta(minutes=10))

    assert macs.text() == (
        "2026-03-10T10:00:00Z 2026-03-10T12:00:00Z\n2026-03-10T11:55:00Z 2026-03-10T12:10:00Z\n"
    )


def test_hosts_have_windows_of_their_own(macs: Site) -> None:
    first, second = macs.server("first"), macs.server("second")
    macs.pull(hosts=(first.host,), command=("echo", "{since}"))
    macs.take()
    macs.pull(hosts=(second.host,), command=("echo", "{since}"), now=NOW + timedelta(hours=1))

    assert macs.text() == "2026-03-09T13:00:00Z\n"


def test_no_shell_takes_an_argument_apart(macs: Site) -> None:
    server = macs.server()
    macs.pull(hosts=(server.host,), command=("printf", "%s|", "a; echo b", "$(id)", "it's {x}"))

    assert macs.text() == "a; echo b|$(id)|it's {x}|"


def test_output_of_many_megabytes_comes_whole(macs: Site) -> None:
    server = macs.server()
    macs.pull(hosts=(server.host,), command=("seq", "1", "1000000"))
    text = macs.text()

    assert (len(text), text[-16:]) == (6_888_896, "\n999999\n1000000\n")


def test_a_command_that_fails_is_told_by_its_first_words_and_asked_again(macs: Site) -> None:
    good, bad = macs.server("good"), macs.server("bad")
    fails = "printf '\\033[31mno such log\\nsecond\\n' >&2; echo half; test -e mended"
    ask: dict[str, Any] = {"hosts": (bad.host, good.host), "command": ("sh", "-c", fails)}
    good.file("mended").touch()
    outcome = macs.pull(**ask)
    first = macs.take()
    bad.file("mended").touch()
    again = macs.pull(**ask)

    assert outcome.problems == [
        f"{bad.host}: the command ended with exit status 1: \\x1b[31mno such log; nothing of it was kept"
    ]
    assert (outcome.absent, outcome.wanted) == ([], 2)
    assert first == [(f"ssh://{good.host}#macs", 1, "half\n")]
    assert (again.problems, macs.text()) == ([], "half\nhalf\n")


def test_a_connection_that_breaks_midway_loses_and_repeats_nothing(macs: Site) -> None:
    server = macs.server()
    server.cut_after = 5
    ask: dict[str, Any] = {
        "hosts": (server.host,),
        "command": ("echo", "a whole line since {since}"),
    }
    cut = macs.pull(**ask)
    kept = macs.take()
    server.cut_after = None
    macs.pull(**ask)

    assert (cut.absent, cut.problems, kept) == (["127.0.0.1"], [], [])
    assert macs.text() == "a whole line since 2026-03-09T12:00:00Z\n"


def test_a_connection_that_broke_is_tried_again(macs: Site) -> None:
    server = macs.server()
    server.cut_after = 5
    outcome = macs.pull(hosts=(server.host,), command=ECHO, retries=1)

    assert (outcome.absent, len(server.commands)) == (["127.0.0.1"], 2)


def test_a_command_without_end_is_a_problem_of_its_host(macs: Site) -> None:
    server = macs.server()
    outcome = macs.pull(
        hosts=(server.host,), command=("sleep", "20"), timeout=timedelta(seconds=0.5)
    )

    assert outcome.problems == [
        f"{server.host}: the command did not end within 0.5 seconds; nothing of it was kept"
    ]


def test_a_run_that_dies_before_it_keeps_what_came_brings_it_the_next_time(macs: Site) -> None:
    server = macs.server()
    ask: dict[str, Any] = {
        "hosts": (server.host,),
        "command": ("sh", "-c", "touch ran; sleep 0.3; echo '{since}'"),
    }

    def dies() -> bool:
        if server.file("ran").exists():
            raise RuntimeError("killed")
        return False

    with pytest.raises(RuntimeError):
        macs.pull(**ask, errand=Errand(NOW, monotonic() + 60, dies))
    left = macs.take()
    macs.pull(**ask)
    macs.pull(**ask, now=NOW + timedelta(minutes=10))

    assert (left, macs.text()) == ([], "2026-03-09T12:00:00Z\n2026-03-10T11:55:00Z\n")


def test_of_fifty_hosts_one_that_hangs_stops_no_other(macs: Site) -> None:
    server = macs.server()
    hanging = macs.silent().rpartition(":")[2]
    (macs.config / "config").write_text(
        f"Host mac-07\nPort {hanging}\nHost mac-*\nHostName 127.0.0.1\nPort {server.port}\n"
    )
    told: list[tuple[int, int]] = []
    outcome = macs.pull(
        hosts=tuple(f"mac-{number:02}" for number in range(50)),
        command=ECHO,
        at_once=10,
        timeout=timedelta(seconds=2),
        errand=Errand(NOW, monotonic() + 60, told=lambda done, whole: told.append((done, whole))),
    )
    emitters = [unit.file.emitter for unit in macs.spool().waiting()]

    assert (outcome.wanted, outcome.absent, outcome.problems) == (50, ["mac-07"], [])
    assert len(set(emitters)) == len(emitters) == 49
    assert told[-1] == (50, 50)


def test_a_host_that_is_not_there_is_absent_and_no_failure(macs: Site) -> None:
    server = macs.server()
    outcome = macs.pull(
        hosts=(macs.closed(), "mac.invalid", macs.silent(), server.host),
        command=ECHO,
        timeout=timedelta(seconds=1),
    )

    assert outcome.absent == ["127.0.0.1", "mac.invalid", "127.0.0.1"]
    assert (outcome.problems, macs.text()) == ([], "one\ntwo\n")


def test_a_name_that_no_resolver_takes_is_a_problem_of_that_host_alone(macs: Site) -> None:
    server = macs.server()
    outcome = macs.pull(hosts=("m" * 70, server.host), command=ECHO)

    assert len(outcome.problems) + len(outcome.absent) == 1
    assert macs.text() == "one\ntwo\n"


def test_a_signal_ends_a_pull_at_once_and_without_complaint(macs: Site) -> None:
    server = macs.server()
    began = monotonic()
    outcome = macs.pull(
        hosts=(server.host, macs.silent()),
        command=("sleep", "20"),
        timeout=timedelta(seconds=20),
        errand=Errand(NOW, began + 60, lambda: monotonic() > began + 0.3),
    )

    assert (outcome.problems, outcome.absent, macs.take()) == ([], [], [])
    assert monotonic() - began < 8


def test_a_deadline_is_told_and_the_next_pull_begins_where_it_came(macs: Site) -> None:
    server = macs.server()
    hosts = (macs.silent(), server.host)
    ask: dict[str, Any] = {
        "hosts": hosts,
        "command": ECHO,
        "at_once": 1,
        "timeout": timedelta(seconds=20),
    }
    cut = macs.pull(**ask, errand=Errand(NOW, monotonic() + 0.3))
    none = macs.take()
    macs.pull(**ask, errand=Errand(NOW, monotonic() + 1))

    assert cut.problems == [
        (
            "the deadline of 30 min came before 2 of 2 hosts were done; what came until then is kept, and the "
            "next pull begins with them"
        )
    ]
    assert (none, macs.text()) == ([], "one\ntwo\n")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("mac/../015", "mac/../015"),
        ("mac..015", "mac..015"),
        ("mac-015;reboot", "mac-015;reboot"),
        ("$(reboot)", "$(reboot)"),
        ("-oProxyCommand=x", "-oProxyCommand=x"),
        ("admin@mac\x1b[2J", "admin@mac\\x1b[2J"),
        ("mac-015:99999", "mac-015:99999"),
        ("two words", "two words"),
    ],
)
def test_a_line_that_names_no_host_is_refused_with_its_place(
    macs: Site, line: str, shown: str
) -> None:
    file = macs.root / "hosts.txt"
    file.write_text(f"# our Macs\nmac-001 # in the lab\n\n{line}\n")

    with pytest.raises(UserError) as refused:
        macs.pull(hosts_file=str(file), command=ECHO)

    assert str(refused.value).startswith(f'{file}:4: "{shown}" is no host; write ')


def test_hosts_of_a_file_are_asked_once_each(macs: Site) -> None:
    server = macs.server()
    file = macs.root / "hosts.txt"
    file.write_text(f"{server.host}\r\n\n{server.host} # twice\n")
    outcome = macs.pull(hosts_file=str(file), command=ECHO)

    assert (outcome.wanted, macs.text()) == (1, "one\ntwo\n")
