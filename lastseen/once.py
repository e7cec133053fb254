"""Everything once, one after the other: ``lastseen run``, what a nightly line of cron calls."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import groupby
from time import monotonic

from lastseen import jobs, lock, work
from lastseen.children import Children
from lastseen.jobs import Job
from lastseen.period import rfc3339
from lastseen.project import Project
from lastseen.work import Done, How, Plan, Work


def run(project: Project, at: datetime | None, tell: Callable[[str], None]) -> list[Done]:
    """Pull every source, check every rule, render every report; tidy, if its time has come; ping.

    SIGTERM and Ctrl-C let what was begun become whole, and the rest is not done; a second one ends it at once.

    Args:
        project: Whose jobs.
        at: The moment that all of it judges at, UTC; None where each judges at its own.
        tell: Told a line about each run.

    Returns:
        How each went.

    Raises:
        UserError: lastseen.toml or a rule is wrong, or another process does the jobs of this project
            (exit code 75).
    """
    children = Children(project.root)
    now = at or datetime.now(UTC)
    began = monotonic()

    def clock() -> datetime:
        return now + timedelta(seconds=monotonic() - began)

    does = Work(project, children, tell, clock, ("--now", rfc3339(at)) if at else ())
    with lock.writing(project.schedule_lock, "run"), _stoppable(children):
        plan = work.load(project)
        done = [
            one
            for _, group in groupby(_wanted(project, plan, now), key=lambda job: job.lane)
            for one in _patiently(does, list(group))
        ]
        if not children.stopping:
            does.night(plan)
    return done


def _wanted(project: Project, plan: Plan, now: datetime) -> list[Job]:
    """Return all jobs of a plan, but to tidy only where its time has come."""
    known = work.lasts(project, [job for job in plan.jobs if job.kind == "tidy"], now)
    return [
        job
        for job in plan.jobs
        if job.kind != "tidy" or job not in known or jobs.due(job, known[job].started, now) <= now
    ]


def _patiently(does: Work, wanted: list[Job]) -> list[Done]:
    """Do the jobs of a lane, and those again that another process kept from running."""
    done = does.do(wanted)
    for _ in range(work.TRIES):
        waits = [one.job for one in done if one.how is How.LOCKED]
        if not waits or does.children.stopping:
            break
        does.children.pause(work.AGAIN)
        done = [one for one in done if one.how is not How.LOCKED] + does.do(waits)
    return done


@contextmanager
def _stoppable(children: Children) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C stop what runs, and let a second one kill it; for the main thread."""

    def stop(*_: object) -> None:
        (children.kill if children.stopping else children.stop)()

    wanted = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
