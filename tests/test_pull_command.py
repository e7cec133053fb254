"""A command's output arrives whole or not at all, and each of its windows goes on where the last one ended."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support import lake_of, messages, rows, tiny

from lastseen import collect
from lastseen.collect import Pulled
from lastseen.errors import Exit, UserError
from lastseen.project import Project
from lastseen.pull import command
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.pull.window import Window, last_cursor, next_window, words
from lastseen.sources import Command, Ssh
from lastseen.state import State
from lastseen.workspace import Workspace

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
PYTHON = sys.executable


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with State(tmp_path / "state.db") as state:
        yield Spool(state, tmp_path / "spool", "app")


def source(*run: str, **options: object) -> Command:
    return Command(name="app", command=run, **{"retries": 0, **options})  # type: ignore[arg-type]


def shell(script: str, **options: object) -> Command:
    return source("/bin/sh", "-c", script, **options)


def pull(
    spool: Spool,
    given: Command,
    now: datetime = NOON,
    stopped: Callable[[], bool] = lambda: False,
    left: float = 60,
) -> Outcome:
    return command.pull(given, spool, Errand(now, time.monotonic() + left, stopped))


def printed(spool: Spool) -> list[str]:
    """What waits in the spool, a text a run."""
    return [unit.file.path.read_text() for unit in spool.waiting()]


def failure(spool: Spool, given: Command, **options: object) -> str:
    with pytest.raises(UserError) as error:
        pull(spool, given, **options)  # type: ignore[arg-type]
    assert spool.waiting() == []
    assert spool.recall_all("") == {}
    return str(error.value)


def test_no_shell_reads_the_arguments(spool: Spool) -> None:
    pull(spool, source(PYTHON, "-c", "import sys; print(sys.argv[1:])", "a  b", "$HOME; *", "{x}"))

    assert printed(spool) == ["['a  b', '$HOME; *', '{x}']\n"]


def test_each_window_goes_on_where_the_last_one_ended_less_the_overlap(spool: Spool) -> None:
    given = source("echo", "{since}", "{until}", since=timedelta(hours=2))
    pull(spool, given, NOON)
    pull(spool, given, NOON + timedelta(hours=1))
    pull(spool, given, NOON + timedelta(days=3))

    assert printed(spool) == [
        "2026-03-10T10:00:00Z 2026-03-10T12:00:00Z\n",
        "2026-03-10T11:55:00Z 2026-03-10T13:00:00Z\n",
        "2026-03-10T12:55:00Z 2026-03-13T12:00:00Z\n",
    ]


def test_a_clock_set_back_makes_the_window_wide_and_the_next_one_narrow_again(spool: Spool) -> None:
    given = source("echo", "{since}", "{until}")
    pull(spool, given, NOON + timedelta(days=30))
    pull(spool, given, NOON)
    pull(spool, given, NOON + timedelta(minutes=10))

    assert printed(spool)[1:] == [
        "2026-03-09T12:00:00Z 2026-03-10T12:00:00Z\n",
        "2026-03-10T11:55:00Z 2026-03-10T12:10:00Z\n",
    ]


def test_a_window_is_never_empty(spool: Spool) -> None:
    given = source("true", since=timedelta(0), overlap=timedelta(0))
    pull(spool, given, NOON)
    window = next_window(given, spool, Errand(NOON, 0.0))

    assert window.since < window.until


def test_windows_of_two_hosts_are_apart(spool: Spool) -> None:
    given = Ssh(name="app", hosts=("mac-1", "mac-2"), command=("true",))
    spool.remember({"until:mac-1": "1773140400000000", "cursor:mac-1": "s=1"})
    errand = Errand(NOON, 0.0)

    assert next_window(given, spool, errand, "mac-1") == Window(
        datetime(2026, 3, 10, 10, 55, tzinfo=UTC), NOON, "s=1"
    )
    assert next_window(given, spool, errand, "mac-2") == Window(
        NOON - timedelta(days=1), NOON, None
    )


ODD = Window(
    datetime(2026, 3, 10, 1, 2, 3, 999_999, tzinfo=UTC),
    datetime(2026, 3, 10, 4, 5, 6, 1, tzinfo=UTC),
    None,
)


def test_times_are_rounded_outwards_and_written_as_asked_for() -> None:
    given = source("{since}", "{until}", "@{since:%d/%b/%Y:%H:%M}", "{sinc}", '{"a": {}}')

    assert words(given, ODD) == [
        "2026-03-10T01:02:03Z",
        "2026-03-10T04:05:07Z",
        "@10/Mar/2026:01:02",
        "{sinc}",
        '{"a": {}}',
    ]


def test_log_show_is_asked_in_utc_for_what_bears_on_a_cause() -> None:
    given = words(Command(name="mac", preset="unified_log"), ODD)

    assert given[:13] == [
        "/usr/bin/log", "show", "--style", "ndjson", "--timezone", "UTC", "--info", "--debug",
        "--start", "2026-03-10 01:02:03+0000", "--end", "2026-03-10 04:05:07+0000", "--predicate",
    ]  # fmt: skip
    assert len(given) == 14
    assert given[13].startswith('(processImagePath CONTAINS "mdmclient" OR ')
    assert ') OR (process == "apsd") OR (' in given[13]
    assert given[13].count("(") == given[13].count(")")
    assert given[13].count('"') % 2 == 0


def test_journalctl_is_asked_by_time_first_and_by_cursor_then() -> None:
    given = Command(name="box", preset="journald")
    later = Window(ODD.since, ODD.until, "s=1;i=2")
    common = ["journalctl", "--output=json", "--all", "--no-pager"]

    assert words(given, ODD) == [*common, "--since=2026-03-10 01:02:03 UTC"]
    assert words(given, later) == [*common, "--after-cursor=s=1;i=2"]


def test_the_cursor_is_that_of_the_last_line_and_its_argument_is_left_out_before(
    spool: Spool,
) -> None:
    lines = [json.dumps({"__CURSOR": f"c{n}", "MESSAGE": '"__CURSOR":"no"'}) for n in range(3)]
    script = f'echo "$# $1"; cat <<"E"\n{chr(10).join(lines)}\n-- No more --\nE'
    given = source("/bin/sh", "-c", script, "sh", "--after={cursor}")
    for minutes in range(2):
        pull(spool, given, NOON + timedelta(minutes=minutes))

    assert [text.splitlines()[0] for text in printed(spool)] == ["0 ", "1 --after=c2"]


def test_a_run_without_a_cursor_keeps_the_last_one(spool: Spool) -> None:
    script = 'test -n "$1" || echo \'{"__CURSOR": "c1"}\'; echo "$1"'
    given = source("/bin/sh", "-c", script, "sh", "{cursor}")
    for minutes in range(3):
        pull(spool, given, NOON + timedelta(minutes=minutes))

    assert printed(spool) == ['{"__CURSOR": "c1"}\n\n', "c1\n", "c1\n"]


@pytest.mark.parametrize(
    ("text", "cursor"),
    [
        (b"", None),
        (b"\n\n", None),
        (b'{"__CURSOR": "a"}', "a"),
        (b'\x1e{"__CURSOR": "a"}\n', "a"),
        (b'{"__CURSOR": "a"}\n{"__CURSOR": "b"', "a"),
        (b'{"__CURSOR": "a"}\n["__CURSOR"]\n{"__CURSOR": 1}\n', "a"),
        (b'{"__CURSOR": "a", "x": "%s"}\n' % (b"y" * 200_000), "a"),
        (b'{"__CURSOR": "a"}\n' + b"z" * 65_536 + b"\n" + b"z" * 300_000, "a"),
    ],
)
def test_the_last_cursor_is_found_wherever_it_stands(
    text: bytes, cursor: str | None, tmp_path: Path
) -> None:
    with (tmp_path / "output").open("w+b") as output:
        output.write(text)

        assert last_cursor(output) == cursor
        assert output.tell() == len(text)


def test_a_last_line_without_an_end_is_kept(spool: Spool) -> None:
    pull(spool, source("printf", "one\\ntwo"))

    assert printed(spool) == ["one\ntwo"]


def test_no_output_is_no_unit_and_the_window_moves(spool: Spool) -> None:
    pull(spool, source("true"))

    assert spool.waiting() == []
    assert spool.recall("until:") == "1773144000000000"


def test_a_run_that_fails_keeps_nothing_and_says_what_the_program_said(spool: Spool) -> None:
    script = "echo half; printf '\\n\\033[31mno such\\tlog\\nmore' >&2; exit 64"

    assert failure(spool, shell(script)) == (
        "sources.app: /bin/sh ended with exit status 64: \\x1b[31mno such\tlog; "
        "run it by hand to see why, the next pull asks for the same time again"
    )


def test_a_run_that_a_signal_ends_keeps_nothing(spool: Spool) -> None:
    assert "/bin/sh was ended by SIGKILL; " in failure(spool, shell("echo half; kill -9 $$"))


def test_a_run_that_failed_is_made_again(spool: Spool, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"echo line; test -e {mark} || {{ touch {mark}; exit 1; }}"
    pull(spool, shell(script, retries=1))

    assert printed(spool) == ["line\n"]


def test_no_pause_reaches_over_the_deadline(spool: Spool) -> None:
    began = time.monotonic()

    assert "ended with exit status 1" in failure(spool, shell("exit 1", retries=9), left=0.3)
    assert time.monotonic() - began < 10


def gone(pid: int) -> bool:
    """Say whether a process has ended; one that nobody has waited for yet has."""
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def wait_until(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    return true()


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "GRACE", 0.2)
    pids = tmp_path / "pids"
    deaf = f"trap '' TERM; echo $$ >> {pids}; sleep 60 & echo $! >> {pids}; while :; do wait; done"
    given = shell(
        f'echo half; sh -c "{deaf.replace("$", chr(92) + "$")}"', timeout=timedelta(seconds=1)
    )

    assert "/bin/sh did not end within 1 seconds; " in failure(spool, given)
    found = [int(pid) for pid in pids.read_text().split()]
    assert len(found) == 2
    assert wait_until(lambda: all(map(gone, found)))


def test_the_deadline_ends_a_run_and_is_told(spool: Spool) -> None:
    said = failure(spool, source("sleep", "60"), left=0.2)

    assert "sleep did not end within the deadline of its pull; " in said


def test_a_pull_that_is_stopped_ends_its_run_and_keeps_nothing(spool: Spool) -> None:
    began = time.monotonic()
    outcome = pull(
        spool, shell("echo half; sleep 60"), stopped=lambda: time.monotonic() > began + 0.3
    )

    assert outcome == Outcome()
    assert time.monotonic() - began < 10
    assert (spool.waiting(), spool.recall_all("")) == ([], {})


def test_a_pull_that_is_stopped_waits_for_no_further_attempt(spool: Spool) -> None:
    began = time.monotonic()
    outcome = pull(
        spool, shell("exit 1", retries=5), stopped=lambda: time.monotonic() > began + 0.2
    )

    assert outcome == Outcome()
    assert time.monotonic() - began < 10


def test_what_a_program_left_running_holds_nothing_up(spool: Spool, tmp_path: Path) -> None:
    began = time.monotonic()
    pull(spool, shell(f"sleep 60 & echo $! > {tmp_path}/pid; echo whole"))

    assert time.monotonic() - began < 10
    assert printed(spool) == ["whole\n"]
    assert wait_until(lambda: gone(int((tmp_path / "pid").read_text())))


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (("no-such-program",), "no-such-program cannot be run: No such file or directory; "),
        (("/",), "/ cannot be run: Permission denied; "),
        (("echo", "a\0b"), "echo cannot be run: embedded null byte; "),
    ],
)
def test_a_program_that_cannot_be_run_is_said_at_once(
    run: tuple[str, ...], why: str, spool: Spool
) -> None:
    said = failure(spool, source(*run, retries=9))

    assert said.startswith(f"sources.app: {why}command names a program of this machine")


def test_nobody_answers_a_program_that_asks(spool: Spool) -> None:
    pull(spool, source("cat"))

    assert printed(spool) == []


def test_much_output_and_much_talk_do_not_block_each_other(spool: Spool) -> None:
    code = (
        "import sys\n"
        "for n in range(3000):\n"
        "    print(n, 'x' * 1000)\n"
        "    print('y' * 1000, file=sys.stderr)\n"
    )
    pull(spool, source(PYTHON, "-c", code))

    (text,) = printed(spool)
    assert len(text) == 3000 * 1002 + sum(len(str(n)) for n in range(3000))
    assert text.endswith("x\n")


def test_a_full_disk_is_said_and_the_next_pull_has_it_all(spool: Spool) -> None:
    given = shell("yes 0123456789 | head -n 100000")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limits[1]))  # to a writer it is a full disk
    try:
        said = failure(spool, given)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    pull(spool, given)

    assert "the disk is full, or a limit is reached" in said
    assert [len(text) for text in printed(spool)] == [1_100_000]


def test_rows_are_of_this_machine_where_the_command_is_ours_and_of_whom_the_user_says(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journalctl = tmp_path / "journalctl"
    journalctl.write_text("#!/bin/sh\necho '{}'\n")
    journalctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    ours = Command(name="app", preset="journald")
    theirs = source("echo", "x", host="mac-9", format="tiny", zone="Europe/Berlin")
    for given in (ours, theirs, source("echo", "y")):
        pull(spool, given)

    assert [(unit.format, unit.file.emitter, unit.zone) for unit in spool.waiting()] == [
        ("journald", os.uname().nodename, None),
        ("tiny", "mac-9", "Europe/Berlin"),
        (None, None, None),
    ]


def collected(project: Project, given: Command, now: datetime = NOON) -> Pulled:
    return collect.pull(Workspace.open(project.root), given, now)


def test_a_program_that_prints_all_it_has_each_time_gives_each_line_once(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "all.log"
    given = source("cat", str(log), format="tiny", host="mac-1")
    log.write_text(tiny(1) + "no time\n" + tiny(2) + tiny(2))
    collected(tiny_project, given)
    with log.open("a") as more:
        more.write(tiny(2) + "no time\n" + tiny(3) + "nor here\n")
    second = collected(tiny_project, given)
    third = collected(tiny_project, given)

    assert sorted(messages(tiny_project)) == [tiny(n).strip() for n in (1, 2, 2, 2, 3)]
    texts = rows(lake_of(tiny_project), "rejects", "text", "text")
    assert texts == [("no time",), ("no time",), ("nor here",)]
    counted = [(r.rows, r.rejects, r.repeated) for r in second.results + third.results]
    assert counted == [(2, 2, 4), (0, 0, 8)]


def test_a_command_that_fails_is_a_problem_of_its_source(tiny_project: Project) -> None:
    pulled = collected(tiny_project, shell("echo half; exit 2"))

    assert pulled.results == []
    assert "/bin/sh ended with exit status 2" in str(pulled.summary)


def test_a_stopped_lastseen_leaves_no_command_behind(tmp_path: Path) -> None:
    (tmp_path / "lastseen.toml").write_text(
        "[sources.app]\nkind = 'command'\nformat = 'syslog'\n"
        f"command = ['/bin/sh', '-c', 'echo $$ > {tmp_path}/pid; sleep 60']\n"
    )
    pid = tmp_path / "pid"
    with subprocess.Popen(
        [PYTHON, "-m", "lastseen", "-C", str(tmp_path), "pull"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as running:
        begun = wait_until(lambda: pid.exists() and bool(pid.read_text().strip()))
        running.send_signal(signal.SIGTERM)

    assert begun
    assert wait_until(lambda: gone(int(pid.read_text())))


def has_journal() -> bool:
    """Say whether this machine keeps a journal that this user may read."""
    if not shutil.which("journalctl"):
        return False
    shown = subprocess.run(["journalctl", "-n2", "-ojson"], capture_output=True, check=False)  # noqa: S607
    return shown.stdout.count(b"__CURSOR") == 2


@pytest.mark.skipif(not shutil.which("journalctl"), reason="no journalctl: install systemd")
def test_journalctl_understands_what_it_is_asked(spool: Spool) -> None:
    given = Command(name="app", preset="journald", retries=0, since=timedelta(seconds=1))
    pull(spool, given, datetime.now(UTC))
    cursor = "s=0f;i=1;b=0f;m=1;t=1;x=1".replace("0f", "0f" * 16)
    spool.remember({"cursor:": cursor})

    assert pull(spool, given, datetime.now(UTC)) == Outcome()


@pytest.mark.skipif(not has_journal(), reason="no journal here: run systemd-journald")
def test_a_real_journal_goes_on_after_its_cursor(spool: Spool) -> None:
    given = Command(name="app", preset="journald", retries=0, since=timedelta(days=365))
    pull(spool, given, datetime.now(UTC))
    pull(spool, given, datetime.now(UTC))
    cursors = [
        json.loads(line)["__CURSOR"] for text in printed(spool) for line in text.split("\n")[:-1]
    ]

    assert len(cursors) == len(set(cursors)) > 1


def test_a_failure_is_of_exit_code_3(spool: Spool) -> None:
    with pytest.raises(UserError) as error:
        pull(spool, shell("exit 1"))

    assert error.value.code == Exit.PARTIAL
