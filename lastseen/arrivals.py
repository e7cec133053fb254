"""Reads what sources brought into the lake: logs where they are, and what waits in the spool."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path

from lastseen import bookmarks, formats, intake, lock
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.ingest import Ingest
from lastseen.logfile import LogFile, Result
from lastseen.pull.source import Outcome
from lastseen.pull.spool import Spool, Unit
from lastseen.source import Source
from lastseen.unpack import open_bytes
from lastseen.workspace import Workspace

_WAIT = timedelta(minutes=10)
"""How long what was pulled waits for another writer before it stays in the spool until the next pull."""


@dataclass(frozen=True)
class Arrival:
    """A file to read, and what is known of it beforehand."""

    file: LogFile
    format: str | None
    zone: str | None
    unit: Unit | None = None


def of_unit(unit: Unit, source: Source | None) -> Arrival:
    """Return a unit with what its source says of it; None is a source that is no longer there."""
    form = unit.format or (source.format if source else None)
    file = replace(unit.file, repeats=source.repeats if source else False)
    return Arrival(file, form, unit.zone or (source.zone if source else None), unit)


def read(space: Workspace, items: list[Arrival], now: datetime) -> list[Result]:
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
                results[item.file] = Result(item.file.name, problem=str(error))
            else:
                named.append((form, item.zone, item.file))
        named.sort(key=lambda one: (one[0], one[1] or ""))
        with formats.prepare(space.project) as con:
            for (form, zone), group in groupby(named, key=lambda one: one[:2]):
                files = [file for *_, file in group]
                ingest = Ingest(con, _form(forms, form), space.lake, now)
                done = ingest.add(files, zone, lambda _: None)
                results |= dict(zip(files, done, strict=True))
    for item in items:
        result = results[item.file]
        if result.problem and item.unit is None and _left(item.file.path):
            result.changed = True
    return [results[item.file] for item in items]


def _left(path: Path) -> bool:
    """Say whether a log was moved or cut off since it was listed: what it held is in another file now."""
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _form(forms: Mapping[str, Format], name: str) -> Format:
    if name not in forms:
        raise UserError(f'there is no format "{name}"; known are {", ".join(forms)}')
    return forms[name]


def _known(
    space: Workspace, forms: Mapping[str, Format], items: list[Arrival]
) -> Iterator[tuple[LogFile, str]]:
    """Yield the formats of files that were begun: the next lines alone could look like another's."""
    tables = {name: space.lake.marks(name) for name in space.lake.tables() if name in forms}
    for item in items:
        if item.format or item.unit:
            continue
        with suppress(UserError):  # whoever reads it will tell
            name = bookmarks.begun(partial(open_bytes, item.file.path), tables, item.file)
            if name:
                yield item.file, name


def settle(spool: Spool, items: list[Arrival], results: list[Result], outcome: Outcome) -> None:
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
