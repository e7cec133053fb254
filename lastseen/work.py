"""Does one job: a process of its own for it, a line about how it went, a note in the journal."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from lastseen import jobs, ping, rulefile, settings
from lastseen.children import Children, Ended
from lastseen.errors import Exit, UserError
from lastseen.jobs import Job
from lastseen.project import Project
from lastseen.settings import Settings
from lastseen.state import Run, State

T = TypeVar("T")
AGAIN = 5.0
"""Seconds until a job is tried again that another process kept from running."""
TRIES = 12
"""How often that is done before the job waits for its next time."""
NIGHTLY = "report nightly"
"""The job that ends a night."""
_MEMORY = timedelta(days=30)
"""How long the journal keeps runs."""
_SHOWN = 20
"""Incidents that one run of rules tells of line by line."""


@dataclass(frozen=True)
class Plan:
    """What a project is told to do."""

    settings: Settings
    jobs: tuple[Job, ...]


class How(StrEnum):
    """How a run ended."""

    GOOD = "good"
    FAILED = "failed"
    LOCKED = "locked"
    """Another process held what it needs; that is no failure, it is to be tried again."""
    STOPPED = "stopped"
    """All is to stop; what the run had begun is whole, the rest was not done."""


@dataclass(frozen=True)
class Done:
    """What became of one run of a job."""

    job: Job
    how: How
    seconds: float = 0.0
    problem: str | None = None


def load(project: Project) -> Plan:
    """Read what a project is told to do.

    Raises:
        UserError: lastseen.toml or a rule's header is wrong, or a report is not there.
    """
    read = settings.load(project.config)
    known = [name.removesuffix(".html.j2") for name in project.content("reports", "*.html.j2")]
    if unknown := [name for name in read.reports if name not in known]:
        raise UserError(
            f"{project.config}: [reports.{unknown[0]}]: there is no report of that name; known are {', '.join(known)}"
        )
    rules = rulefile.load(project)
    rhythms = {name: rule.every for name, rule in rules.items() if not rule.when_asked}
    return Plan(read, tuple(jobs.plan(read, rhythms)))


def lasts(project: Project, wanted: Iterable[Job], now: datetime) -> dict[Job, Run]:
    """Return the newest run of each job that the journal knows of; what was dated after now is left out.

    Raises:
        UserError: the journal cannot be read.
    """
    with State(project.state) as state:
        found = {job: state.last(job.kind, job.name, until=now) for job in wanted}
    return {job: run for job, run in found.items() if run is not None}


class Work:
    """Does the jobs of a project. Threads may share it."""

    def __init__(
        self,
        project: Project,
        children: Children,
        tell: Callable[[str], None],
        clock: Callable[[], datetime],
        options: Sequence[str] = (),
    ) -> None:
        """Begin.

        Args:
            project: Whose jobs.
            children: Starts the processes.
            tell: Told a line about each run, and about each change of incidents.
            clock: Says what time it is, UTC.
            options: What each command is told besides: ``--now`` and a moment.
        """
        self.children = children
        self.clock = clock
        self.tell = tell
        self._project = project
        self._options = tuple(options)

    def do(self, wanted: Sequence[Job]) -> list[Done]:
        """Do jobs of one lane; rules as one process, and each by itself where that fails.

        Returns:
            How each went. Failures are told and in the journal.
        """
        if self.children.stopping:
            return [Done(job, How.STOPPED) for job in wanted]
        if wanted[0].kind == "rule":
            return self._check(wanted)
        return [self._one(job) for job in wanted]

    def night(self, plan: Plan) -> None:
        """Ping, if the night was good, and say why not where it was none; does nothing where nobody listens."""
        try:
            url = ping.address(plan.settings.schedule)
            if url is None:
                return
            now = self.clock()
            known = lasts(self._project, plan.jobs, now)
        except UserError as error:
            self.tell(f"no ping: {error}")
            return
        if reasons := list(jobs.amiss(plan.jobs, known, now)):
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            self.tell(f"no ping: {reasons[0]}{more}")
        elif why := ping.ping(url):
            self.tell(f"the ping to {ping.host(url)} failed: {why}")
        else:
            self.tell(f"pinged {ping.host(url)}")

    def _one(self, job: Job) -> Done:
        began = self.clock()
        before = self._last(job)
        name = () if job.kind == "tidy" else (job.name,)
        ended = self.children.run((job.kind, *name, *self._options), job.deadline)
        done = _done(job, ended)
        # A pull notes itself, with its numbers; one that died before could not.
        noted = job.kind == "pull" and (ended.problem is None or self._last(job) != before)
        if done.how in (How.GOOD, How.FAILED) and not noted:
            self._note(Run(job.kind, job.name, began, self.clock(), done.problem))
        if job.kind == "tidy" and done.how is How.GOOD:
            self._journal(lambda state: state.forget(self.clock() - _MEMORY))
        self.tell(_line(job.title, done))
        return done

    def _check(self, wanted: Sequence[Job]) -> list[Done]:
        began = self.clock()
        names = [job.name for job in wanted]
        deadline = max(job.deadline for job in wanted)
        ended = self.children.run(("check", *names, "--json", *self._options), deadline)
        all_done = [_done(job, ended) for job in wanted]
        done = all_done[0]
        title = f"check of {len(names)} rules" if len(names) > 1 else f"check of {names[0]}"
        self.tell(_line(title, done))
        if done.how is How.FAILED and len(wanted) > 1 and ended.code != Exit.DAMAGED:
            return [result for job in wanted for result in self._check([job])]
        if done.how is How.FAILED:
            for job in wanted:
                self._note(Run("rule", job.name, began, self.clock(), done.problem))
        elif done.how is How.GOOD:
            self._found(wanted, began, json.loads(ended.out))
        return all_done

    def _found(self, wanted: Sequence[Job], began: datetime, checked: Mapping[str, Any]) -> None:
        """Tell what became of incidents, and note how many findings each rule had."""
        number = Counter(one["rule"] for one in checked["findings"])
        for job in wanted:
            detail = {"findings": number[job.name]}
            self._note(Run("rule", job.name, began, self.clock(), None, detail))
        lines = list(map(jobs.told, checked["incidents"]))
        for line in lines[:_SHOWN]:
            self.tell(line)
        if len(lines) > _SHOWN:
            self.tell(f"{len(lines) - _SHOWN} more incidents; lastseen incidents")

    def _last(self, job: Job) -> Run | None:
        return self._journal(lambda state: state.last(job.kind, job.name))

    def _note(self, run: Run) -> None:
        self._journal(lambda state: state.note(run))

    def _journal(self, use: Callable[[State], T]) -> T | None:
        """Use the journal; where it cannot be read or written, that is told, and the work goes on."""
        try:
            with State(self._project.state) as state:
                return use(state)
        except UserError as error:
            self.tell(f"error: {error}")
            return None


def _done(job: Job, ended: Ended) -> Done:
    """Judge how a process ended."""
    if ended.stopped:
        return Done(job, How.STOPPED, ended.seconds)
    if ended.locked:
        return Done(job, How.LOCKED, ended.seconds, ended.said)
    how = How.FAILED if ended.problem else How.GOOD
    return Done(job, how, ended.seconds, ended.problem)


def _line(title: str, done: Done) -> str:
    """Write how a run went."""
    words = {How.GOOD: "done", How.STOPPED: "stopped", How.LOCKED: "has to wait"}
    took = f"{title}: {words.get(done.how, 'failed')} after {done.seconds:.1f} s"
    return f"{took}: {done.problem.removeprefix('error: ')}" if done.problem else took
