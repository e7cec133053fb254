"""What runs when: each job of a project is begun at its times. The only module that knows APScheduler's schedulers."""

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from lastseen import jobs, work
from lastseen.jobs import NEVER, Job
from lastseen.project import Project
from lastseen.work import How, Plan, Work

_OTHERS = 3
"""Processes besides those that pull: a check, a report and tidy never wait for a slow source."""
_LEEWAY = timedelta(seconds=1)
"""Rules that are due this close together are one process."""
_STUCK = timedelta(minutes=5)
"""What should have begun so long ago was forgotten by whoever should have begun it."""


def clock() -> datetime:
    """Return what time it is, UTC."""
    return datetime.now(UTC)


class _Lane(BaseTrigger):  # type: ignore[misc]
    """Jobs that are never done at the same time, and when each is due."""

    def __init__(self, firsts: dict[Job, datetime]) -> None:
        self.jobs = tuple(firsts)
        self.tries = 0
        self.late = False
        """Its last run was still going when the next was due."""
        self._anchors = firsts
        self._next = dict(firsts)

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return when the next of its jobs is due, as APScheduler asks for it."""
        moment = previous or now
        soonest = min(self._after(job, moment) for job in self.jobs)
        return None if soonest == NEVER else soonest

    def soonest(self) -> datetime:
        """Return when the next of its jobs is due."""
        return min(self._next.values())

    def take(self, now: datetime) -> list[Job]:
        """Return the jobs that are due, each of which then is due at its next time."""
        due = [job for job in self.jobs if self._next[job] <= now + _LEEWAY]
        for job in due:
            self._next[job] = self._after(job, max(now, self._next[job]))
        return due

    def again(self, due: list[Job], when: datetime) -> None:
        """Let jobs be due at a moment, besides their own times."""
        self._next |= dict.fromkeys(due, when)

    def _after(self, job: Job, moment: datetime) -> datetime:
        return jobs.after(job, self._anchors[job], moment)


class Timetable:
    """The jobs of a plan, each begun at its times."""

    def __init__(self, project: Project, does: Work, plan: Plan) -> None:
        """Begin with a plan; what was missed while nobody looked is done now, once.

        Raises:
            UserError: the journal cannot be read.
        """
        self._project = project
        self._work = does
        self._plan = plan
        self._lanes: dict[str, _Lane] = {}
        logging.getLogger("apscheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            executors={
                "pull": ThreadPoolExecutor(plan.settings.schedule.at_once),
                "default": ThreadPoolExecutor(_OTHERS),
            },
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            timezone=UTC,
        )
        self._scheduler.add_listener(self._left_out, EVENT_JOB_MAX_INSTANCES)
        self.follow(plan)
        self._scheduler.start()

    def follow(self, plan: Plan, *, anew: bool = False) -> None:
        """Follow another plan; what both say keeps its times, and what runs is left to end.

        Args:
            plan: What to do from now on.
            anew: Find all times anew, as after the clock was set.

        Raises:
            UserError: the journal cannot be read.
        """
        lanes: dict[str, list[Job]] = {}
        for job in plan.jobs:
            lanes.setdefault(job.lane, []).append(job)
        new = {
            name: wanted
            for name, wanted in lanes.items()
            if anew or name not in self._lanes or self._lanes[name].jobs != tuple(wanted)
        }
        now = self._work.clock()
        changed = [job for wanted in new.values() for job in wanted]
        known = work.lasts(self._project, changed, now)
        firsts = jobs.first(changed, known, now)
        at_once = plan.settings.schedule.at_once
        if at_once != self._plan.settings.schedule.at_once:
            self._scheduler.remove_executor("pull", shutdown=False)
            self._scheduler.add_executor(ThreadPoolExecutor(at_once), "pull")
        self._plan = plan
        for name in [name for name in self._lanes if name not in lanes or name in new]:
            self._drop(name)
        for name, wanted in new.items():
            self._add(name, _Lane({job: firsts[job] for job in wanted}))

    def set_anew(self) -> None:
        """Find all times anew, after the clock was set.

        Raises:
            UserError: the journal cannot be read.
        """
        self.follow(self._plan, anew=True)

    def alive(self) -> bool:
        """Say whether everything that was due was begun."""
        late = self._work.clock() - _STUCK
        return all(job.next_run_time >= late for job in self._scheduler.get_jobs())

    def close(self) -> None:
        """Begin nothing new, and wait for what runs."""
        self._scheduler.shutdown(wait=True)

    def _add(self, name: str, lane: _Lane) -> None:
        self._lanes[name] = lane
        if lane.soonest() == NEVER:
            return
        executor = "pull" if lane.jobs[0].kind == "pull" else "default"
        self._scheduler.add_job(
            self._fire, lane, (name, lane), id=name, executor=executor, next_run_time=lane.soonest()
        )

    def _drop(self, name: str) -> None:
        del self._lanes[name]
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def _fire(self, name: str, lane: _Lane) -> None:
        """Do what is due in a lane; runs in a thread of the scheduler."""
        lane.late = False
        due = lane.take(self._work.clock())
        if not due:
            return
        done = self._work.do(due)
        waits = [one.job for one in done if one.how is How.LOCKED]
        if waits and lane.tries < work.TRIES:
            lane.tries += 1
            when = self._work.clock() + timedelta(seconds=work.AGAIN)
            lane.again(waits, when)
            with suppress(JobLookupError):
                self._scheduler.modify_job(name, next_run_time=when)
        else:
            lane.tries = 0
        if any(one.job.title == work.NIGHTLY and one.how is How.GOOD for one in done):
            self._work.night(self._plan)

    def _left_out(self, event: JobSubmissionEvent) -> None:
        lane = self._lanes.get(event.job_id)
        if lane and not lane.late:
            lane.late = True
            self._work.tell(f"{event.job_id}: the last run is still going, so this one is left out")
