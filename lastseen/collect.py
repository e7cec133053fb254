"""Pulls sources and reads what they bring into the lake: each source by itself, each line once."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from threading import Event

from lastseen import arrivals, lock, rhythm
from lastseen.arrivals import Arrival
from lastseen.errors import Exit, UserError, of_system
from lastseen.logfile import Result
from lastseen.pull import fetch
from lastseen.pull import source as pulling
from lastseen.pull.source import Outcome, Told
from lastseen.pull.spool import Spool
from lastseen.source import Source
from lastseen.state import Run, State
from lastseen.workspace import Workspace

_LOOK = 0.2
"""Seconds after which the main thread wakes: a signal that came to another thread is dealt with only then."""
_ROUNDS = 3
"""How often files are looked for again that were rotated under the reader."""


@dataclass
class Pulled:
    """What became of one pull of one source."""

    source: str
    results: list[Result] = field(default_factory=list)
    """What became of each file and each unit."""
    outcome: Outcome = field(default_factory=Outcome)
    failure: str | None = None
    """Why it could not be pulled to its end."""
    locked: bool = False
    """Another process pulls it."""

    @property
    def problems(self) -> list[str]:
        """All that failed, a sentence each, each once."""
        found = [self.failure, *self.outcome.problems, *(one.problem for one in self.results)]
        told = (problem.removeprefix(f"sources.{self.source}: ") for problem in found if problem)
        return list(dict.fromkeys(told))

    @property
    def summary(self) -> str | None:
        """The first that failed, and how many more there are; None where all went well."""
        problems = self.problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return problems[0] + more if problems else None


def chosen(space: Workspace, names: Sequence[str] | None, now: datetime) -> list[Source]:
    """Return the sources of some names, or those that are due.

    Raises:
        UserError: there is no such source, or none at all.
    """
    sources = space.settings.sources
    if not sources:
        raise UserError(
            f"{space.project.config}: has no [sources.NAME], so there is nothing to pull"
        )
    if unknown := [name for name in names or [] if name not in sources]:
        near = get_close_matches(unknown[0], sources, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sources)}"
        raise UserError(f"there is no source {unknown[0]}; {hint}")
    if names:
        return [sources[name] for name in dict.fromkeys(names)]
    with State(space.project.state) as state:
        return [source for source in sources.values() if _due(state, source, now)]


def _due(state: State, source: Source, now: datetime) -> bool:
    """Say whether a source is due; a pull that is still to come was dated by a clock that was wrong."""
    last = state.last("pull", source.name, until=now)
    following = rhythm.following(source.every, last.started) if last else now
    return following is not None and following <= now


def pull_all(
    space: Workspace,
    sources: Sequence[Source],
    now: datetime,
    told: Callable[[str, int, int], None] = lambda name, done, whole: None,  # noqa: ARG005
    stopped: Callable[[], bool] = lambda: False,
) -> list[Pulled]:
    """Pull several sources, some at a time; none waits for another's failure.

    Args:
        space: The project.
        sources: What to pull.
        now: When it begins, UTC.
        told: Told of progress: the source, and how far it is.
        stopped: Says whether to end as soon as what was begun is whole.

    Returns:
        How each went, in their order; one that another process pulls has that for its problem.
    """
    halted = Event()

    def over() -> bool:
        return halted.is_set() or stopped()

    with ThreadPoolExecutor(space.settings.schedule.at_once) as pool:
        try:
            begun = [
                pool.submit(_apart, space, source, now, partial(told, source.name), over)
                for source in sources
            ]
            while wait(begun, _LOOK).not_done:
                pass
            return [done.result() for done in begun]
        except BaseException:  # Ctrl-C: nobody wants to wait for what may take half an hour
            halted.set()
            raise


def _apart(
    space: Workspace, source: Source, now: datetime, told: Told, stopped: Callable[[], bool]
) -> Pulled:
    """Pull one source of several: what keeps it from beginning is its own problem."""
    if stopped():
        return Pulled(source.name)
    try:
        return pull(space, source, now, told, stopped)
    except UserError as error:
        return Pulled(source.name, failure=str(error), locked=error.code is Exit.LOCKED)
    except OSError as error:
        return Pulled(source.name, failure=of_system(error))


def pull(
    space: Workspace,
    source: Source,
    now: datetime,
    told: Told = lambda done, whole: None,  # noqa: ARG005
    stopped: Callable[[], bool] = lambda: False,
) -> Pulled:
    """Pull one source, read what it brought, and note how it went.

    Args:
        space: The project.
        source: What to pull.
        now: When it begins, UTC.
        told: Told of progress.
        stopped: Says whether to end as soon as what was begun is whole.

    Returns:
        How it went; what a user can mend is a problem in it, not an error.

    Raises:
        UserError: another process pulls this source (exit code 75).
    """
    pulled = Pulled(source.name)
    began = time.monotonic()
    held = lock.writing(_lock(space, source.name), f"pull {source.name}")
    with held, State(space.project.state) as state:
        try:
            spool = Spool(state, space.project.spool, source.name)
            arrivals.agree(space, spool)
            _pull(space, source, spool, pulling.begin(source, now, stopped, told), pulled)
        except UserError as error:
            pulled.failure = str(error)
        except OSError as error:
            pulled.failure = of_system(error)
        except Exception as error:
            pulled.failure = f"{type(error).__name__}: {error}"
            raise
        finally:
            _note(state, pulled, now, now + timedelta(seconds=time.monotonic() - began))
    return pulled


def _note(state: State, pulled: Pulled, began: datetime, ended: datetime) -> None:
    """Keep how a pull went; that this cannot be kept does not hide what failed before."""
    try:
        state.note(Run("pull", pulled.source, began, ended, pulled.summary, _detail(pulled)))
    except UserError as error:
        pulled.failure = pulled.failure or str(error)


def replay(space: Workspace, now: datetime) -> list[Pulled]:
    """Read again what sources brought and could not be read, after a format was added or mended.

    Raises:
        UserError: another process pulls one of these sources (exit code 75).
    """
    pulled: list[Pulled] = []
    if not space.project.state.is_file():
        return pulled
    with State(space.project.state) as state:
        for name in state.set_aside():
            with lock.writing(_lock(space, name), f"replay of {name}"):
                spool = Spool(state, space.project.spool, name)
                spool.bring_back(now)
                given = space.settings.sources.get(name)
                items = [arrivals.of_unit(unit, given) for unit in spool.waiting()]
                one = Pulled(name, arrivals.read(space, spool, items, now))
                arrivals.settle(space, spool, items, one.results, one.outcome)
                pulled.append(one)
    return pulled


def _lock(space: Workspace, name: str) -> Path:
    return space.project.spool / f".{name}.lock"


def _pull(
    space: Workspace, source: Source, spool: Spool, errand: pulling.Errand, pulled: Pulled
) -> None:
    """Fetch, and read; what was fetched before is read even where fetching fails."""
    failed: UserError | None = None
    for _ in range(_ROUNDS):
        try:
            pulled.outcome = fetch(source, spool, errand)
        except UserError as error:
            failed = error
        items = [Arrival(file, source.format, source.zone) for file in pulled.outcome.files]
        items += [arrivals.of_unit(unit, source) for unit in spool.waiting()]
        results = arrivals.read(space, spool, items, errand.now) if items else []
        arrivals.settle(space, spool, items, results, pulled.outcome)
        pulled.results += [result for result in results if not result.changed]
        if not any(result.changed for result in results):
            break
    if spool.lost.is_dir():
        pulled.outcome.notes.append(
            f"{spool.lost}: holds what was pulled before lastseen.sqlite was lost; "
            "add what of it is not in the lake yet, then delete that folder"
        )
    if failed:
        raise failed


def _detail(pulled: Pulled) -> dict[str, object]:
    """Return the numbers of a pull that `status` shows."""
    return {
        "files": sum(result.read and not result.already for result in pulled.results),
        "rows": sum(result.rows for result in pulled.results),
        "rejects": sum(result.rejects for result in pulled.results),
        "held": sum(bool(result.held) for result in pulled.results),
        "formats": sorted({one.format for one in pulled.results if one.read and one.format}),
        "newest": max((one.until for one in pulled.results if one.until), default=None),
        "wanted": pulled.outcome.wanted,
        "absent": pulled.outcome.absent,
        "notes": pulled.outcome.notes,
        "skipped": pulled.outcome.skipped,
    }
