"""What befalls logs on a real machine: the cases by which Vector judged its file source, and some more.

Every line arrives once: buffers that outlive a kill, rotation by renaming and by copying, truncation, a changed
configuration, wrapped lines, late lines, packing, links, files that vanish, and logrotate itself.
"""

import fcntl
import gzip
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Runner
from support import Ran, command, lake_of, lines_of, messages, rejected, rows, tiny

from lastseen.project import Project
from lastseen.pull.spool import Note, Spool
from lastseen.state import State

Pull = Callable[..., Ran]
LATER = 120
"""Seconds after which a log counts as quiet."""


@pytest.fixture
def logs(tiny_project: Project) -> Path:
    folder = tiny_project.root / "logs"
    folder.mkdir()
    configure(tiny_project, "app", f'paths = ["{folder}/*.log"]')
    return folder


@pytest.fixture
def log(logs: Path) -> Path:
    return logs / "app.log"


@pytest.fixture
def pull(tiny_project: Project, run: Runner) -> Pull:
    """``lastseen pull`` of all sources, as if it were some seconds later."""

    def pulls(later: float = 0) -> Ran:
        sources = [
            line.split(".")[1].rstrip("]") for line in config(tiny_project).splitlines()[::4]
        ]
        now = datetime.now(UTC) + timedelta(seconds=later)
        ran = run("-C", tiny_project.root, "pull", *sources, "--now", now.isoformat())
        assert (ran.code, ran.err) == (0, "")
        return ran

    return pulls


def config(project: Project) -> str:
    return project.config.read_text()


def configure(project: Project, name: str, line: str, form: str = "tiny") -> None:
    """Make a files source the only one."""
    project.config.write_text(f'[sources.{name}]\nkind = "files"\nformat = "{form}"\n{line}\n')


def append(log: Path, *numbers: int) -> None:
    with log.open("a") as file:
        file.write(lines_of(numbers))


def numbers(project: Project) -> list[int]:
    return sorted(int(text.rpartition(" ")[2]) for text in messages(project))


def pack(path: Path) -> None:
    """Compress as gzip(1) does: the packed file is made beside, and the plain one removed."""
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


# Vector's six


def test_what_was_fetched_outlives_a_kill_before_it_was_read(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, 1)
    with State(tiny_project.state) as state:
        spool = Spool(state, tiny_project.spool, "app")
        with spool.draft() as draft:
            draft.write(lines_of([10, 11]).encode())
            draft.keep([Note("api", "tiny")], datetime.now(UTC), remember={"cursor": "11"})
    with tiny_project.lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        running = subprocess.Popen(command(tiny_project, "pull", "app"))
        own = tiny_project.spool / ".app.lock"
        while not (own.exists() and str(running.pid) in own.read_text()):
            time.sleep(0.01)
        running.kill()
        running.wait()
    before = messages(tiny_project)

    pull()
    pull()

    assert before == []
    assert numbers(tiny_project) == [1, 10, 11]


def test_a_log_rotated_by_renaming_and_begun_anew_loses_and_repeats_nothing(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, 1, 2)
    pull()
    append(log, 3)
    log.rename(log.with_name("app.log.1"))
    append(log, 4)
    pull()
    pull(LATER)

    assert numbers(tiny_project) == [1, 2, 3, 4]


def test_a_log_rotated_by_copying_and_truncating_loses_and_repeats_nothing(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, 1, 2)
    pull()
    append(log, 3)
    shutil.copy2(log, log.with_name("app.log.1"))
    pull()
    os.truncate(log, 0)
    append(log, 4)
    pull()
    pull(LATER)

    assert numbers(tiny_project) == [1, 2, 3, 4]


def test_a_truncated_log_is_read_from_its_new_beginning(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, *range(50))
    pull()
    log.write_text(lines_of([60, 61]))
    pull()
    append(log, *range(62, 120))
    pull()

    assert numbers(tiny_project) == [*range(50), *range(60, 120)]


def test_a_log_truncated_and_grown_beyond_its_old_length_is_read_from_its_new_beginning(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, *range(50))
    pull()
    log.write_text(lines_of(range(100, 200)))
    pull()

    assert numbers(tiny_project) == [*range(50), *range(100, 200)]


def test_a_configuration_changed_between_two_pulls_is_what_counts_and_nothing_is_repeated(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, 1)
    append(log.with_name("other.txt"), 2)
    pull()
    before = numbers(tiny_project)
    configure(tiny_project, "renamed", f'paths = ["{log}", "{log.parent}/*.txt"]')
    append(log, 3)
    pull()

    assert before == [1]
    assert numbers(tiny_project) == [1, 2, 3]


OWN = '{"component":"http","level":"info","msg":"verified","ts":"2026-03-10T06:00:01Z"}'
WRAPPED = {
    "docker's json-file": json.dumps(
        {"log": OWN + "\n", "stream": "stderr", "time": "2026-03-10T06:00:01.5Z"},
        separators=(",", ":"),
    ),
    "the kubelet's": f"2026-03-10T06:00:01.500000000Z stderr F {OWN}",
    "docker compose's": f"fleet-1  | {OWN}",
    "kubectl's": f"[pod/fleet-0/fleet] {OWN}",
    "none": OWN,
}


@pytest.mark.parametrize("line", WRAPPED.values(), ids=WRAPPED)
def test_json_that_a_container_wrapped_is_the_rows_of_what_is_inside(
    line: str, tiny_project: Project, logs: Path, pull: Pull
) -> None:
    configure(tiny_project, "app", f'paths = ["{logs}/*.log"]', "fleet_server")
    (logs / "fleet-0.log").write_text(f"{line}\n")
    pull(LATER)

    stored = rows(lake_of(tiny_project), "fleet_server", "ts::varchar, level, process, message")
    assert stored == [("2026-03-10 06:00:01+00", "info", "http", "verified")]
    assert rejected(tiny_project) == []


# What else happens to logs


def test_lines_that_come_late_to_a_rotated_log_are_read(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, 1)
    pull()
    old = log.rename(log.with_name("app.log.1"))
    append(log, 2)
    pull()
    append(old, 3)
    pull()
    append(old, 4)
    pull(LATER)

    assert numbers(tiny_project) == [1, 2, 3, 4]


def test_a_log_packed_after_its_rotation_adds_only_what_was_not_read(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    append(log, 1)
    pull()
    append(log, 2)
    old = log.rename(log.with_name("app.log.1"))
    append(log, 3)
    pack(old)
    pull()
    pull(LATER)

    assert numbers(tiny_project) == [1, 2, 3]


def test_rotated_logs_that_are_counted_up_and_packed_add_nothing_again(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    for number in range(4):
        append(log, number)
        pull()
        if log.with_name("app.log.1").exists():
            pack(log.with_name("app.log.1"))
        for old in range(number, 0, -1):
            with_old = log.with_name(f"app.log.{old}.gz")
            if with_old.exists():
                with_old.rename(log.with_name(f"app.log.{old + 1}.gz"))
        log.rename(log.with_name("app.log.1"))
        log.touch()
        pull(LATER)

    assert numbers(tiny_project) == [0, 1, 2, 3]


def test_a_link_that_moves_on_to_the_next_days_file_is_followed(
    tiny_project: Project, logs: Path, pull: Pull
) -> None:
    configure(tiny_project, "app", f'paths = ["{logs}/current.log"]')
    link = logs / "current.log"
    for day in (10, 11, 12):
        dated = logs / f"app-2026-03-{day}.txt"
        append(dated, day)
        link.unlink(missing_ok=True)
        link.symlink_to(dated.name)
        pull()
        append(dated, 100 + day)
    pull()

    assert numbers(tiny_project) == [10, 11, 12, 110, 111, 112]


def test_files_that_vanish_while_they_are_read_do_no_harm(
    tiny_project: Project, logs: Path, pull: Pull
) -> None:
    for number in range(200):
        append(logs / f"{number:03}.log", number)

    def vanish() -> None:
        while not list(lake_of(tiny_project).path.glob("tiny/day=*")):
            time.sleep(0.001)
        for path in sorted(logs.iterdir(), reverse=True)[:150]:
            path.unlink(missing_ok=True)

    vanishing = threading.Thread(target=vanish)
    vanishing.start()
    pull()
    vanishing.join()
    pull()

    stored = numbers(tiny_project)
    assert set(stored) >= set(range(50))
    assert len(stored) == len(set(stored))
    assert rejected(tiny_project) == []


def test_an_unfinished_last_line_waits_for_its_end(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    log.write_text(tiny(1) + tiny(2)[:25])
    pull()
    pull(LATER)
    before = numbers(tiny_project)
    with log.open("a") as file:
        file.write(tiny(2)[25:])
    pull()

    assert (before, numbers(tiny_project)) == ([1], [1, 2])
    assert rejected(tiny_project) == []


def test_an_unfinished_last_line_is_taken_as_it_is_once_its_log_was_rotated_and_is_quiet(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    log.write_text(tiny(1) + tiny(2).rstrip("\n"))
    pull()
    log.rename(log.with_name("app.log.1"))
    pull_problem_free = numbers(tiny_project)
    append(log, 3)
    pull()
    pull(LATER)

    assert pull_problem_free == [1]
    assert numbers(tiny_project) == [1, 2, 3]


def test_an_unfinished_last_line_whose_end_comes_after_the_rotation_is_one_line(
    tiny_project: Project, log: Path, pull: Pull
) -> None:
    log.write_text(tiny(1) + tiny(2)[:25])
    pull()
    old = log.rename(log.with_name("app.log.1"))
    append(log, 3)
    pull()
    with old.open("a") as file:
        file.write(tiny(2)[25:])
    pull()
    pull(LATER)

    assert numbers(tiny_project) == [1, 2, 3]
    assert rejected(tiny_project) == []


# logrotate itself


@pytest.fixture
def logrotate(logs: Path, tmp_path: Path) -> Callable[[str], None]:
    """The real logrotate, forced to rotate now, with some directives."""
    program = shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not program:
        pytest.skip("needs logrotate: apt-get install logrotate")

    def rotates(directives: str) -> None:
        rules = tmp_path / "logrotate.conf"
        body = "\n".join(directives.split("; "))
        rules.write_text(f"{logs}/*.log {{\nrotate 9\nmissingok\nnotifempty\n{body}\n}}\n")
        rules.chmod(0o600)
        done = subprocess.run(
            [program, "--force", "--state", str(tmp_path / "state"), str(rules)],
            capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")

    return rotates


DATED = "dateext; dateformat -%Y%m%d-%s"
WAYS = {
    "create": "create",
    "copytruncate": "copytruncate",
    "create, compress": "create; compress",
    "copytruncate, compress": "copytruncate; compress",
    "create, compress, delaycompress": "create; compress; delaycompress",
    "copytruncate, compress, delaycompress": "copytruncate; compress; delaycompress",
    "create, dateext": f"create; {DATED}",
    "create, dateext, compress": f"create; {DATED}; compress",
    "copytruncate, dateext, compress, delaycompress": f"copytruncate; {DATED}; compress; delaycompress",
}


@pytest.mark.parametrize("directives", WAYS.values(), ids=WAYS)
def test_what_logrotate_rotated_arrives_once(
    directives: str,
    tiny_project: Project,
    log: Path,
    pull: Pull,
    logrotate: Callable[[str], None],
) -> None:
    append(log, 1, 2)
    pull()
    append(log, 3)
    logrotate(directives)
    append(log, 4)
    pull()
    append(log, 5)
    if "dateext" in directives:
        time.sleep(1)  # its names are told apart by the second
    logrotate(directives)
    append(log, 6)
    pull()
    pull(LATER)
    pull(2 * LATER)

    assert len(list(log.parent.iterdir())) == 3
    assert numbers(tiny_project) == [1, 2, 3, 4, 5, 6]
    assert rejected(tiny_project) == []


def test_lines_that_a_program_writes_on_after_logrotate_moved_its_log_are_read(
    tiny_project: Project, log: Path, pull: Pull, logrotate: Callable[[str], None]
) -> None:
    with log.open("a") as program:
        program.write(tiny(1))
        program.flush()
        pull()
        logrotate("create; compress; delaycompress")
        pull()
        program.write(tiny(2))
        program.flush()
        pull()
        program.write(tiny(3))
    append(log, 4)
    logrotate("create; compress; delaycompress")
    pull(LATER)

    assert numbers(tiny_project) == [1, 2, 3, 4]
