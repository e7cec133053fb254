"""``lastseen schedule``: keeps the timetable of a project going until it is told to stop."""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Thread

from lastseen import jobs, lock, service, settings, work
from lastseen.children import Children
from lastseen.errors import UserError
from lastseen.lake import unwritable
from lastseen.period import spell
from lastseen.project import Project
from lastseen.schedule import Timetable, clock
from lastseen.work import Plan, Work

Tell = Callable[[str], None]
_LOOK = 2.0
"""Seconds between two looks at the clock."""


def serve(project: Project, tell: Tell) -> None:
    """Run a project's jobs at their times until SIGTERM or SIGINT; SIGHUP reads lastseen.toml and rules again.

    Raises:
        UserError: lastseen.toml or a rule is wrong, or another process does this already (exit code 75).
    """
    children = Children(project.root, config=project.accepted)
    does = Work(project, children, tell, clock)
    with lock.writing(project.schedule_lock, "schedule"), _signals() as inbox:
        plan = _accept(project)
        timetable = Timetable(project, does, plan)
        tell(f"{len(plan.jobs)} jobs of {project.root}")
        service.notify("READY=1")
        try:
            _watch(project, timetable, inbox, tell)
        finally:
            service.notify("STOPPING=1")
            children.stop()
            _wait(Thread(target=timetable.close), inbox, children)


@contextmanager
def _signals() -> Iterator[SimpleQueue[int]]:
    """Yield where signals arrive."""
    inbox: SimpleQueue[int] = SimpleQueue()
    wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {
        number: signal.signal(number, lambda number, _: inbox.put(number)) for number in wanted
    }
    try:
        yield inbox
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _watch(project: Project, timetable: Timetable, inbox: SimpleQueue[int], tell: Tell) -> None:
    """Look after the timetable until it is to stop."""
    offset = time.time() - time.monotonic()
    terminal = sys.stderr.isatty()
    while True:
        try:
            number = inbox.get(timeout=service.watchdog(_LOOK))
        except Empty:
            number = 0
        # SIGHUP has two meanings: read again, and that the terminal is gone.
        gone = number == signal.SIGHUP and terminal and not sys.stderr.isatty()
        if gone or number in (signal.SIGTERM, signal.SIGINT):
            return
        if number == signal.SIGHUP:
            service.notify(service.reloading())
            _reload(project, timetable, tell)
            service.notify("READY=1")
        before, offset = offset, time.time() - time.monotonic()
        if jump := jobs.jumped(before, offset):
            way = "forward" if jump > timedelta() else "back"
            tell(f"the clock jumped {way} by {spell(abs(jump))}; all times are found anew")
            _try(timetable.set_anew, tell)
        if timetable.alive():
            service.notify("WATCHDOG=1")


def _reload(project: Project, timetable: Timetable, tell: Tell) -> None:
    def follow() -> None:
        plan = _accept(project)
        timetable.follow(plan)
        tell(f"read again: {len(plan.jobs)} jobs")

    if not _try(follow, tell):
        tell("all goes on as it was; mend it and send SIGHUP again")


def _accept(project: Project) -> Plan:
    """Read what a project is told to do, and keep its lastseen.toml for the processes that do it.

    Raises:
        UserError: it is wrong; what was accepted before stays.
    """
    plan = work.load(project)
    if not project.config.is_file():
        project.accepted.unlink(missing_ok=True)
        return plan
    draft = project.accepted.with_suffix(".new")
    try:
        shutil.copyfile(project.config, draft)
        settings.load(draft)  # it may have been written to since it was read
        draft.replace(project.accepted)
    except OSError as error:
        raise unwritable(project.accepted, error) from None
    return plan


def _try(does: Callable[[], None], tell: Tell) -> bool:
    """Do something; tell what a user can mend, and go on. Say whether it was done."""
    try:
        does()
    except UserError as error:
        for line in f"error: {error}".split("\n"):
            tell(line)
        return False
    return True


def _wait(last: Thread, inbox: SimpleQueue[int], children: Children) -> None:
    """Wait for what still runs; a second signal ends it at once."""
    last.start()
    while last.is_alive():
        with suppress(Empty):
            if inbox.get(timeout=0.1) != signal.SIGHUP:
                children.kill()
