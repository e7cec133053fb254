"""What a project does again and again, and when each of it is due: by its settings, its rules and the journal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lastseen import rhythm
from lastseen.period import Cron, rfc3339, spell
from lastseen.settings import Settings
from lastseen.state import Run

Rhythm = timedelta | Cron
NEVER = datetime.max.replace(tzinfo=UTC)
"""When a rhythm comes that has no moment: the 30th of February."""
APART = timedelta(seconds=0.5)
"""Between the starts of jobs that were all missed: fifty sources do not start at the same instant."""
GRACE = timedelta(minutes=10)
"""What a pull may take beyond its source's deadline: reading what it brought into the lake."""
JUMP = timedelta(seconds=30)
"""A clock that is further off than this, against one that only counts, was set or stood still in sleep."""


@dataclass(frozen=True)
class Job:
    """Something that is done again and again."""

    kind: str
    """pull, rule, report or tidy, as the journal has it."""
    name: str
    every: Rhythm
    deadline: timedelta = timedelta(hours=1)
    """How long one run may take."""

    @property
    def lane(self) -> str:
        """Jobs of one lane never run at the same time; rules share one, for they share a process."""
        names = {"rule": "check", "tidy": "tidy"}
        return names.get(self.kind, f"{self.kind} {self.name}")

    @property
    def title(self) -> str:
        """What people call it."""
        return "tidy" if self.kind == "tidy" else f"{self.kind} {self.name}"


def following(every: Rhythm, after: datetime) -> datetime:
    """Return the first moment of a rhythm after another moment, UTC; ``NEVER`` where it has none."""
    return rhythm.following(every, after) or NEVER


def plan(settings: Settings, rules: Mapping[str, Rhythm]) -> list[Job]:
    """Return the jobs of a project: what brings data before what looks at it.

    Args:
        settings: Its sources, its reports, and when it is tidied.
        rules: How often each rule runs, by name.
    """
    pulls = [
        Job("pull", source.name, source.every, source.deadline + GRACE)
        for source in settings.sources.values()
    ]
    checks = [Job("rule", name, every) for name, every in rules.items()]
    reports = [Job("report", name, report.rhythm) for name, report in settings.reports.items()]
    return [*pulls, *checks, *reports, Job("tidy", "tidy", settings.schedule.tidy)]


def due(job: Job, last: datetime | None, now: datetime) -> datetime:
    """Return when a job is to run next; a moment that is past means that a run was missed.

    Args:
        job: The job.
        last: When it was last started; None is never. A start that is still to come was dated by a wrong
            clock and counts as none.
        now: The present.
    """
    if last is not None and last <= now:
        return following(job.every, last)
    return now if isinstance(job.every, timedelta) else following(job.every, now)


def first(jobs: Sequence[Job], lasts: Mapping[Job, Run], now: datetime) -> dict[Job, datetime]:
    """Return when each job is to run next; what was missed runs now, once, lane after lane ``APART``."""
    moments = {job: due(job, lasts[job].started if job in lasts else None, now) for job in jobs}
    missed = list(dict.fromkeys(job.lane for job, when in moments.items() if when <= now))
    return {
        job: now + missed.index(job.lane) * APART if when <= now else when
        for job, when in moments.items()
    }


def after(job: Job, anchor: datetime, moment: datetime) -> datetime:
    """Return a job's first time after a moment; that of a span is a whole number of spans from its anchor.

    So a run that began late does not shift those that come, and runs that were missed are left out.
    """
    if isinstance(job.every, Cron):
        return following(job.every, moment)
    return anchor + job.every * max(0, (moment - anchor) // job.every + 1)


def jumped(before: float, now: float) -> timedelta | None:
    """Return how far the clock was set; None where it only went on.

    Args:
        before: Seconds between the clock and one that only counts, a moment ago.
        now: The same at present.
    """
    jump = timedelta(seconds=now - before)
    return jump if abs(jump) > JUMP else None


def amiss(jobs: Iterable[Job], lasts: Mapping[Job, Run], now: datetime) -> Iterator[str]:
    """Yield why a night was not good: what failed, what is late, what never ran though it was due."""
    for job in jobs:
        run = lasts.get(job)
        if run is None:
            if isinstance(job.every, timedelta):
                yield f"{job.title} never ran"
        elif run.problem is not None:
            yield f"{job.title} failed: {run.problem}"
        elif (when := following(job.every, run.started)) != NEVER and when + job.deadline < now:
            yield f"{job.title} is late: it last ran at {rfc3339(run.started)}, {spell(now - run.started)} ago"


def told(notice: Mapping[str, Any]) -> str:
    """Write a line about an incident, as ``check --json`` has what people are to be told of it.

    >>> told({"incident": 3, "kind": "opened", "severity": "high", "rule": "silent", "summary": "60 Macs are silent"})
    'incident 3 opened: high silent: 60 Macs are silent'
    """
    return f"incident {notice['incident']} {notice['kind']}: {notice['severity']} {notice['rule']}: {notice['summary']}"
