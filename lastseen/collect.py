"""Pulls sources and reads what they bring into the lake: each source by itself, each line once."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import partial
from itertools import groupby
from pathlib import Path

from lastseen import bookmarks, formats, intake, lock
from lastseen.errors import Exit, UserError
from lastseen.formats import Format
from lastseen.ingest import Ingest
from lastseen.logfile import LogFile, Result
from lastseen.pull import fetch
from lastseen.pull import source as pulling
from lastseen.pull.source import Outcome, Told
from lastseen.pull.spool import Spool, Unit
from lastseen.sources import Source
from lastseen.state import Run, State
from lastseen.unpack import open_bytes
from lastseen.workspace import Workspace

_ROUNDS = 3
"""How often files are looked for again that were rotated under the reader."""
_WAIT = timedelta(minutes=10)
"""How long what was pulled waits for another writer before it stays in the spool until the next pull."""


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
        return list(dict.fromkeys(problem for problem in found if problem))

    @property
    def summary(self) -> str | None:
        """The first that failed, and how many more there are; None where all went well."""
        problems = self.problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return problems[0] + more if problems else None


@dataclass(frozen=True)
class _Item:
    """A file to read, and what is known of it beforehand."""

    file: LogFile
    format: str | None
    zone: str | None
    unit: Unit | None = None


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
    last = state.last("pull", source.name)
    return (
        last is None
        or not isinstance(source.every, timedelta)
        or last.started + source.every <= now
    )


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

    def one(source: Source) -> Pulled:
        if stopped():
            return Pulled(source.name)
        try:
            return pull(space, source, now, partial(told, source.name), stopped)
        except UserError as error:
            return Pulled(source.name, failure=str(error), locked=error.code is Exit.LOCKED)

    with ThreadPoolExecutor(space.settings.schedule.at_once) as pool:
        return [done.result() for done in [pool.submit(one, source) for source in sources]]


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
    with (
        lock.writing(_lock(space, source.name), f"pull {source.name}"),
        State(space.project.state) as state,
    ):
        spool = Spool(state, space.project.spool, source.name)
        try:
            _pull(space, source, spool, pulling.begin(source, now, stopped, told), pulled)
        except UserError as error:
            pulled.failure = str(error)
        except Exception as error:
            pulled.failure = f"{type(error).__name__}: {error}"
            raise
        finally:
            finished = now + timedelta(seconds=time.monotonic() - began)
            state.note(Run("pull", source.name, now, finished, pulled.summary, _detail(pulled)))
    return pulled


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
                items = [_item(unit, given) for unit in spool.waiting()]
                one = Pulled(name, _read(space, items, now))
                _settle(spool, items, one.results, one.outcome)
                pulled.append(one)
    return pulled


def _lock(space: Workspace, name: str) -> Path:
    return space.project.spool / f".{name}.lock"


def _item(unit: Unit, source: Source | None) -> _Item:
    form = unit.format or (source.format if source else None)
    file = replace(unit.file, repeats=source.repeats if source else False)
    return _Item(file, form, unit.zone or (source.zone if source else None), unit)


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
        items = [_Item(file, source.format, source.zone) for file in pulled.outcome.files]
        items += [_item(unit, source) for unit in spool.waiting()]
        results = _read(space, items, errand.now) if items else []
        _settle(spool, items, results, pulled.outcome)
        pulled.results += [result for result in results if not result.changed]
        if not any(result.changed for result in results):
            break
    if failed:
        raise failed


def _read(space: Workspace, items: list[_Item], now: datetime) -> list[Result]:
    """Read files into the lake; return what became of each, in their order."""
    forms = formats.load(space.project)
    results: dict[LogFile, Result] = {}
    with lock.writing(space.project.lock, "pull", _WAIT):
        named: list[tuple[str, str | None, LogFile]] = []
        seen = dict(_known(space, forms, items))
        for item in items:
            try:
                form = (
                    item.format or seen.get(item.file) or intake.format_of(forms, None, item.file)
                )
            except UserError as error:
                gone = not item.file.path.exists()
                results[item.file] = Result(item.file.name, problem=str(error), changed=gone)
            else:
                named.append((form, item.zone, item.file))
        named.sort(key=lambda one: (one[0], one[1] or ""))
        with formats.prepare(space.project) as con:
            for (form, zone), group in groupby(named, key=lambda one: one[:2]):
                files = [file for *_, file in group]
                ingest = Ingest(con, _form(forms, form), space.lake, now)
                done = ingest.add(files, zone, lambda _: None)
                results |= dict(zip(files, done, strict=True))
    return [results[item.file] for item in items]


def _form(forms: Mapping[str, Format], name: str) -> Format:
    if name not in forms:
        raise UserError(f'there is no format "{name}"; known are {", ".join(forms)}')
    return forms[name]


def _known(
    space: Workspace, forms: Mapping[str, Format], items: list[_Item]
) -> Iterator[tuple[LogFile, str]]:
    """Yield the formats of files that were begun: the next lines alone could look like another's."""
    tables = [name for name in space.lake.tables() if name in forms]
    marks = {name: space.lake.marks(name) for name in tables}
    for item in items:
        if item.format or item.unit:
            continue
        for name in tables:
            try:
                bookmark, stream = bookmarks.find(
                    partial(open_bytes, item.file.path), marks[name], item.file
                )
            except UserError:
                break
            stream.close()
            if bookmark.key:
                yield item.file, name
                break


def _settle(spool: Spool, items: list[_Item], results: list[Result], outcome: Outcome) -> None:
    """Forget units that are in the lake, set those aside that cannot be read, remember what is read to its end."""
    done: list[Unit] = []
    signs: dict[str, str] = {}
    for item, result in zip(items, results, strict=True):
        if item.unit and result.read:
            done.append(item.unit)
        elif item.unit:
            spool.refuse(item.unit, result.problem or "could not be read")
        elif (
            result.read
            and not result.problem
            and not result.held
            and item.file.name in outcome.signs
        ):
            signs[f"read.{item.file.name}"] = outcome.signs[item.file.name]
    spool.done(done)
    if signs:
        spool.remember(signs)


def _detail(pulled: Pulled) -> dict[str, object]:
    """Return the numbers of a pull that `status` shows."""
    return {
        "files": sum(result.read and not result.already for result in pulled.results),
        "rows": sum(result.rows for result in pulled.results),
        "rejects": sum(result.rejects for result in pulled.results),
        "held": sum(bool(result.held) for result in pulled.results),
        "wanted": pulled.outcome.wanted,
        "absent": pulled.outcome.absent,
        "notes": pulled.outcome.notes,
    }
