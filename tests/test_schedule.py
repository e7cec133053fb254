"""`lastseen schedule` and `lastseen run`, with real processes, signals and sockets."""

import json
import os
import plistlib
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from conftest import Runner
from support import command, ingest_format, messages, process, tiny

from lastseen import lock, ping, service, work
from lastseen.children import Children
from lastseen.jobs import Job
from lastseen.project import Project
from lastseen.schedule import Timetable, clock
from lastseen.settings import Schedule, Settings
from lastseen.sources import Command, Ssh
from lastseen.state import Run, State
from lastseen.work import How, Plan, Work

QUICK = timedelta(seconds=1)
LOUD = """-- title:    Loud
-- severity: low
-- every:    10 seconds
-- window:   24 hours
-- alert:    {host} is loud
--
-- A rule of tests.
--
select host, now() - interval 1 hour as since, now() as until from (values ('mac-1')) as t (host)
"""
SLOW = LOUD.replace(
    "select host",
    "with n as (select count(*) as n from range(10000000) a, range(10000000) b)\nselect host",
).replace("as t (host)", "as t (host), n")


@pytest.fixture
def app(tiny_project: Project) -> Project:
    """A project with one source, a file with one line; all else has just run."""
    (tiny_project.root / "app.tiny").write_text(tiny(1))
    configure(tiny_project)
    settle(tiny_project)
    return tiny_project


def configure(project: Project, more: str = "", every: str = "10 seconds") -> None:
    project.config.write_text(
        f'[sources.app]\nkind = "files"\npaths = ["{project.root}/*.tiny"]\nevery = "{every}"\n{more}'
    )


def settle(project: Project, *but: str) -> None:
    """Let the journal say that everything but the pull, and what is named, has just run."""
    now = clock()
    with State(project.state) as state:
        for job in work.load(project).jobs:
            if job.kind != "pull" and job.name not in but:
                state.note(Run(job.kind, job.name, now, now))


def runs(project: Project, kind: str, name: str) -> list[Run]:
    with State(project.state) as state:
        return state.runs("kind = ? and name = ?", (kind, name))


class Scheduled:
    """A running `lastseen schedule`, and what it said."""

    def __init__(self, project: Project, **environment: str) -> None:
        self.process = subprocess.Popen(
            command(project, "schedule"), stderr=subprocess.PIPE, env=os.environ | environment
        )
        self.said = ""

    def until(self, words: str, seconds: float = 10.0) -> str:
        """Read on until some words were said; return the line that has them."""
        assert self.process.stderr
        end = time.monotonic() + seconds
        from_here = len(self.said)
        while words not in self.said[from_here:] or not self.said.endswith("\n"):
            left = end - time.monotonic()
            ready = select.select([self.process.stderr], [], [], max(0, left))[0]
            more = os.read(self.process.stderr.fileno(), 1 << 16).decode() if ready else ""
            assert more, f"{words!r} was not said, but: {self.said}"
            self.said += more
        return next(line for line in self.said[from_here:].splitlines() if words in line)

    def end(self) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.terminate()
        return self.ended()

    def ended(self) -> int:
        """Wait for the end; return the exit code."""
        assert self.process.stderr
        self.said += self.process.stderr.read().decode()
        return self.process.wait(10)


@contextmanager
def scheduled(project: Project, **environment: str) -> Iterator[Scheduled]:
    run = Scheduled(project, **environment)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait(10)
        assert run.process.stderr
        run.process.stderr.close()


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def holder(project: Project) -> int:
    """Return the process that pulls the source, once it holds its lock; 0 before."""
    path = project.spool / ".app.lock"
    text = path.read_text() if path.is_file() else ""
    return int(json.loads(text)["pid"]) if text else 0


def worker(project: Project, told: list[str]) -> Work:
    return Work(project, Children(project.root, timedelta(seconds=0.3)), told.append, clock)


def test_a_source_is_pulled_and_sigterm_ends_it_well(app: Project) -> None:
    with scheduled(app) as run:
        line = run.until("pull app")

        assert run.end() == 0
    assert " pull app: done after " in line
    assert messages(app) == [tiny(1).strip()]
    assert [one.problem for one in runs(app, "pull", "app")] == [None]


def test_sigterm_waits_for_what_a_pull_has_begun(app: Project) -> None:
    with scheduled(app) as run:
        with lock.writing(app.lock, "test"):
            wait_for(lambda: holder(app) != 0)
            time.sleep(0.7)  # it has fetched then, and waits to write
            run.process.terminate()
            with pytest.raises(subprocess.TimeoutExpired):
                run.process.wait(0.5)
        code = run.ended()

    assert code == 0
    assert messages(app) == [tiny(1).strip()]


def test_a_second_sigterm_kills_what_runs(app: Project) -> None:
    with scheduled(app) as run, lock.writing(app.lock, "test"):
        wait_for(lambda: holder(app) != 0)
        run.process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            run.process.wait(0.3)

        assert run.end() == 0
        assert "pull app: stopped" in run.said


def test_a_pull_that_was_killed_is_in_the_journal_as_failed(app: Project) -> None:
    with scheduled(app) as run, lock.writing(app.lock, "test"):
        wait_for(lambda: holder(app) != 0)
        os.kill(holder(app), signal.SIGKILL)

        assert "failed after" in run.until("pull app")
    assert [one.problem for one in runs(app, "pull", "app")] == ["was killed by SIGKILL"]


def test_sighup_takes_a_good_file_and_refuses_a_broken_one(app: Project) -> None:
    good = app.config.read_text()
    with scheduled(app) as run:
        run.until("pull app")
        app.config.write_text(good + '[reports.nightly]\nat = "25:00"\n[sources.x]\n')
        run.process.send_signal(signal.SIGHUP)
        run.until("all goes on as it was")
        app.config.write_text(good.replace("sources.app", "sources.other"))
        run.process.send_signal(signal.SIGHUP)

        assert "pull other: done" in run.until("pull other")
        assert run.end() == 0
    assert f"error: {app.config}:6: at is a time of day" in run.said
    assert f"{app.config}:7: kind is missing" in run.said
    assert runs(app, "pull", "app")[0].problem is None


def test_while_the_file_is_broken_all_goes_on_with_the_one_before(app: Project) -> None:
    with scheduled(app) as run:
        run.until("pull app")
        app.config.write_text("[sources.x]\n")
        ended = Children(app.root, config=app.accepted).run(["pull", "app"], timedelta(minutes=1))

        assert (ended.code, ended.problem) == (0, None)
        assert run.end() == 0


def test_what_was_missed_runs_once_after_a_restart(app: Project) -> None:
    configure(app, every="1 hour")
    long_ago = clock() - timedelta(days=3)
    with State(app.state) as state:
        state.note(Run("pull", "app", long_ago, long_ago))
    with scheduled(app) as run:
        run.until("pull app")
        assert run.end() == 0
    with scheduled(app) as again:
        again.until("jobs of")
        time.sleep(0.7)
        assert again.end() == 0

    assert "pull app" not in again.said
    assert len(runs(app, "pull", "app")) == 2


def test_a_second_schedule_of_a_project_is_refused(app: Project) -> None:
    with lock.writing(app.schedule_lock, "schedule"):
        ran = process(app, "schedule")

    assert (ran.code, ran.err.count("\n")) == (75, 1)
    assert f"`lastseen schedule` (process {os.getpid()}) has been writing since" in ran.err


def test_a_wrong_lastseen_toml_is_refused_at_the_start(app: Project, run: Runner) -> None:
    app.config.write_text("[reports.weekly]\n")

    ran = run("-C", app.root, "schedule")

    assert ran.code == 2
    assert "[reports.weekly]: there is no report of that name; known are nightly" in ran.err


def test_systemd_is_told_how_it_stands(app: Project, tmp_path: Path) -> None:
    place = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(place)
        ear.settimeout(10)
        configure(app, every="1 hour")
        with scheduled(app, NOTIFY_SOCKET=place, WATCHDOG_USEC="300000") as run:
            heard = [ear.recv(100).decode() for _ in range(3)]
            run.process.send_signal(signal.SIGHUP)
            while "READY=1" not in heard[1:]:
                heard.append(ear.recv(100).decode())
            assert run.end() == 0
            while heard[-1] != "STOPPING=1":
                heard.append(ear.recv(100).decode())

    assert heard[:3] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
    (reloading,) = [one for one in heard if one.startswith("RELOADING=1\nMONOTONIC_USEC=")]
    assert heard.index(reloading) < len(heard) - 1


def test_a_job_is_begun_at_each_of_its_times(app: Project) -> None:
    told: list[str] = []
    does = worker(app, told)
    timetable = Timetable(app, does, Plan(Settings(), (Job("pull", "app", QUICK),)))
    wait_for(lambda: sum("pull app: done" in line for line in told) == 2)
    timetable.close()

    second, first = runs(app, "pull", "app")[:2]
    assert second.started >= first.finished
    assert second.started - first.started >= timedelta(seconds=0.5)


def test_what_another_process_keeps_from_running_is_tried_again(
    app: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "AGAIN", 0.1)
    told: list[str] = []
    does = worker(app, told)
    job = Job("pull", "app", timedelta(hours=1))
    with lock.writing(app.spool / ".app.lock", "test"):
        timetable = Timetable(app, does, Plan(Settings(), (job,)))
        wait_for(lambda: bool(told))
    wait_for(lambda: any("done" in line for line in told))
    timetable.close()

    assert "pull app: has to wait after " in told[0]
    assert [one.problem for one in runs(app, "pull", "app")] == [None]


def test_jobs_that_another_plan_has_too_keep_their_times(app: Project) -> None:
    told: list[str] = []
    pull = Job("pull", "app", timedelta(hours=1))
    timetable = Timetable(app, worker(app, told), Plan(Settings(), (pull,)))
    wait_for(lambda: bool(told))

    timetable.follow(Plan(Settings(schedule=Schedule(at_once=1)), (pull, Job("pull", "x", QUICK))))
    wait_for(lambda: any("pull x: failed" in line for line in told))
    timetable.close()

    assert len(runs(app, "pull", "app")) == 1


def test_times_are_found_anew_after_the_clock_was_set(app: Project) -> None:
    told: list[str] = []
    offset = timedelta()
    does = Work(app, Children(app.root), told.append, lambda: clock() + offset)
    plan = Plan(Settings(), (Job("pull", "app", timedelta(hours=1)),))
    timetable = Timetable(app, does, plan)
    wait_for(lambda: bool(told))
    offset = -timedelta(hours=2)
    timetable.set_anew()
    wait_for(lambda: len(told) == 2)
    timetable.close()

    assert len(runs(app, "pull", "app")) == 2


def test_incidents_are_told_when_they_come_and_go_and_not_again_after_a_restart(
    app: Project,
) -> None:
    rule = app.root / "rules" / "loud.sql"
    rule.parent.mkdir()
    rule.write_text(LOUD)
    jobs = [Job("rule", "loud", QUICK)]
    first: list[str] = []
    second: list[str] = []
    third: list[str] = []
    worker(app, first).do(jobs)
    worker(app, second).do(jobs)
    rule.write_text(LOUD + "where false\n")
    worker(app, third).do(jobs)

    assert first[1:] == ["incident 1 opened: low loud: mac-1 is loud"]
    assert second[1:] == []
    assert third[1:] == ["incident 1 resolved: low loud: mac-1 is loud"]
    details = [one.detail for one in runs(app, "rule", "loud")]
    assert details == [{"findings": 0}, {"findings": 1}, {"findings": 1}]


def test_a_broken_rule_does_not_silence_the_others(app: Project) -> None:
    folder = app.root / "rules"
    folder.mkdir()
    (folder / "loud.sql").write_text(LOUD)
    (folder / "broken.sql").write_text(LOUD.replace("select host", "select hots"))
    told: list[str] = []

    done = worker(app, told).do([Job("rule", name, QUICK) for name in ("broken", "loud")])

    assert [one.how for one in done] == [How.FAILED, How.GOOD]
    assert "check of 2 rules: failed" in told[0]
    assert told[-1] == "incident 1 opened: low loud: mac-1 is loud"
    assert "hots" in str(runs(app, "rule", "broken")[0].problem)


def test_what_takes_too_long_is_stopped_and_what_does_not_stop_is_killed(app: Project) -> None:
    rule = app.root / "rules" / "slow.sql"
    rule.parent.mkdir()
    rule.write_text(SLOW)
    told: list[str] = []
    does = worker(app, told)
    with lock.writing(app.lock, "test"):
        does.do([Job("pull", "app", QUICK, timedelta(seconds=1.5))])
    does.do([Job("rule", "slow", QUICK, timedelta(seconds=1.5))])

    why = "took longer than 1 s and was stopped"
    assert [one.problem for one in runs(app, "pull", "app")] == [why]
    assert [one.problem for one in runs(app, "rule", "slow")] == [why]


class Switch(BaseHTTPRequestHandler):
    """A dead man's switch that counts."""

    answers: list[int]
    paths: list[str]

    def do_GET(self) -> None:
        self.paths.append(self.path)
        self.send_response(self.answers.pop(0) if self.answers else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def switch() -> Iterator[tuple[type[Switch], str]]:
    handler = type("Counting", (Switch,), {"answers": [], "paths": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield handler, f"http://127.0.0.1:{server.server_port}/ping/s3cret"
        server.shutdown()
        thread.join()


def test_the_ping_comes_only_after_a_good_night(
    app: Project, switch: tuple[type[Switch], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, url = switch
    monkeypatch.setenv("PING", url)
    configure(app, '[schedule]\nping_env = "PING"\n')
    told: list[str] = []
    does = worker(app, told)
    plan = work.load(app)
    does.night(plan)
    now = clock()
    for problem in ("no answer", None):
        with State(app.state) as state:
            state.note(Run("pull", "app", now, clock(), problem))
        does.night(plan)
    monkeypatch.delenv("PING")
    does.night(plan)

    assert told == [
        "no ping: pull app never ran",
        "no ping: pull app failed: no answer",
        "pinged 127.0.0.1",
        "no ping: ping_env: the environment variable PING is not set; put the URL there, https://…",
    ]
    assert handler.paths == ["/ping/s3cret"]


def test_a_ping_is_tried_again_and_its_failure_does_not_tell_the_url(
    switch: tuple[type[Switch], str],
) -> None:
    handler, url = switch
    handler.answers += [503, 200, 404, 404]

    assert ping.ping(url, (0, 0, 0)) is None
    assert ping.ping(url, (0, 0)) == "it answered 404"
    assert len(handler.paths) == 4
    assert ping.ping("http://127.0.0.1:1/s3cret", (0,)) == "it could not be reached (ConnectError)"


def test_run_does_everything_once(
    app: Project, switch: tuple[type[Switch], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler, url = switch
    monkeypatch.setenv("PING", url)
    configure(app, '[schedule]\nping_env = "PING"\n')

    ran = process(app, "run", "--json")

    assert (ran.code, handler.paths) == (0, ["/ping/s3cret"])
    done = json.loads(ran.out)["jobs"]
    assert list(dict.fromkeys(one["kind"] for one in done)) == ["pull", "rule", "report"]
    assert {one["how"] for one in done} == {"good"}
    assert messages(app) == [tiny(1).strip()]
    assert (app.out / "nightly.html").is_file()
    assert "s3cret" not in ran.out + ran.err


def test_run_goes_on_after_a_failure_and_says_so(app: Project) -> None:
    (app.root / "app.tiny").unlink()

    ran = process(app, "run", "--now", "2026-03-11")

    assert ran.code == 3
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == ["pull", "check", "report", "tidy:"]
    assert "failed after" in lines[0]
    assert "report nightly: done" in lines[2]


def test_run_is_refused_where_a_schedule_runs(app: Project) -> None:
    with lock.writing(app.schedule_lock, "schedule"):
        assert process(app, "run").code == 75


def test_sigterm_lets_run_finish_what_it_began(app: Project) -> None:
    running = subprocess.Popen(command(app, "run"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with lock.writing(app.lock, "test"):
        wait_for(lambda: holder(app) != 0)
        time.sleep(0.7)  # it has fetched then, and waits to write
        running.terminate()
        time.sleep(0.1)
    out, _ = running.communicate(timeout=10)

    assert running.returncode == 130
    assert b"pull app: done" in out
    assert b"check" not in out
    assert messages(app) == [tiny(1).strip()]


def test_the_journal_forgets_old_runs_but_the_newest_of_each_job(app: Project) -> None:
    old = datetime(2026, 1, 1, tzinfo=UTC)
    with State(app.state) as state:
        for minute in range(3):
            when = old + timedelta(minutes=minute)
            state.note(Run("pull", "app", when, when))
        state.forget(old + timedelta(days=1))

        assert [one.started.minute for one in state.runs("kind = 'pull'")] == [2]


def odd(tmp_path: Path) -> Project:
    """A project whose path has what a unit file could stumble over."""
    root = tmp_path / 'a b 100% $HOME "q"'
    root.mkdir()
    ingest_format(Project(root))
    return Project(root)


def test_the_unit_is_one_that_systemd_takes(tmp_path: Path, run: Runner) -> None:
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not here: apt-get install systemd")
    ran = run("-C", odd(tmp_path).root, "schedule", "--print", "systemd", "--user", "root")
    unit = tmp_path / "lastseen.service"
    unit.write_text(ran.out)

    verified = subprocess.run(
        [analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )

    told = [line for line in verified.stderr.splitlines() if "lastseen.service" in line]
    assert (verified.returncode, told) == (0, [])
    assert '/a b 100%% $$HOME \\"q\\"" schedule\n' in ran.out
    assert '/a b 100%% $HOME \\"q\\""\n' in ran.out


def test_the_unit_opens_no_more_than_the_project_needs() -> None:
    root = Path("/srv/logs")
    plain = service.systemd(root, Settings(), "lastseen")
    sources = {
        "hosts": Ssh(name="hosts", hosts=("mac-015",), paths=("/var/log/x",)),
        "journal": Command(name="journal", preset="journald"),
    }
    more = service.systemd(root, Settings(lake="/lake", sources=sources), "lastseen")
    home = service.systemd(Path("/home/it/logs"), Settings(), "it")

    assert "\nReadWritePaths=/srv/logs\n" in plain
    assert "\nUser=lastseen\n" in plain
    assert "\nReadWritePaths=/srv/logs /lake\n" in more
    assert "\nSupplementaryGroups=systemd-journal\n" in more
    assert "\nProtectHome=read-only\n" in more
    assert "\nProtectHome=read-only\n" in home


def test_the_property_list_is_one_and_runs_this_project(tmp_path: Path, run: Runner) -> None:
    root = odd(tmp_path).root

    read = plistlib.loads(run("-C", root, "schedule", "--print", "launchd").out.encode())

    assert read["ProgramArguments"][-3:] == ["-C", str(root), "schedule"]
    assert Path(read["ProgramArguments"][0]).is_absolute()
    assert read["KeepAlive"] == {"SuccessfulExit": False}
    assert read["ProcessType"] == "Background"
    assert read["StandardErrorPath"] == str(root / "schedule.log")
    assert "UserName" not in read
