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
from lastseen.ingest import Failed, Ingest
from lastseen.logfile import LogFile, Result
from lastseen.pull.source import Outcome
from lastseen.pull.spool import Spool, Unit
from lastseen.source import Source
from lastseen.unpack import NoLogError, open_bytes
from lastseen.workspace import Workspace

_WAIT = timedelta(minutes=10)
"""How long what was pulled waits for another writer before it stays in the spool until the next pull."""
_READ, _TABLE, _NO_LOG = "read.", "table.", "binary."
"""What a source remembers: files that were read to their ends, the tables that have their rows, files without any."""


@dataclass(frozen=True)
class Arrival:
    """A file to read, and what is known of it beforehand."""

    file: LogFile
    format: str | None
    zone: str | None
    unit: Unit | None = None


def of_unit(unit: Unit, source: Source | None) -> Arrival:
    """Return a unit with what its source says of it; None is a source that is no longer there."""
    file = replace(unit.file, repeats=source.repeats if source else False)
    form = source.format if source else None
    return Arrival(file, form, unit.zone or (source.zone if source else None), unit)


def read(space: Workspace, spool: Spool, items: list[Arrival], now: datetime) -> list[Result]:
    """Read files into the lake; return what became of each, in their order.

    A unit that cannot be read is set aside before anything behind it is committed: the lake knows of a source
    only up to which unit it was read.
    """
    forms = formats.load(space.project)
    results: dict[LogFile, Result] = {}
    units = {item.file: item.unit for item in items if item.unit}

    def failed(file: LogFile, result: Result) -> None:
        results[file] = result
        if file in units:
            _set_aside(spool, units[file], result)

    with lock.writing(space.project.lock, "pull", _WAIT):
        named = _named(space, forms, items, failed)
        with formats.prepare(space.project) as con:
            for (form, zone), group in groupby(named, key=lambda one: one[:2]):
                files = [file for *_, file in group]
                try:
                    ingest = Ingest(con, _form(forms, form), space.lake, now, failed)
                    results.update(zip(files, ingest.add(files, zone, lambda _: None), strict=True))
                except UserError as error:  # another format may be sound
                    for file in files:
                        results.setdefault(file, Result(file.name, form, problem=str(error)))
    for item in items:
        if item.unit is None and results[item.file].problem and _left(item.file.path):
            results[item.file].changed = True
    return [results[item.file] for item in items]


def _left(path: Path) -> bool:
    """Say whether a log was moved or cut off since it was listed: what it held is in another file now."""
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _named(
    space: Workspace, forms: Mapping[str, Format], items: list[Arrival], failed: Failed
) -> list[tuple[str, str | None, LogFile]]:
    """Return files with their formats and zones, those of one format together; units stay in their order."""
    named: list[tuple[str, str | None, LogFile]] = []
    seen = dict(_known(space, forms, items))
    for item in items:
        try:
            form = seen.get(item.file) or _format(forms, item)
        except UserError as error:
            no_log = isinstance(error, NoLogError)
            result = Result(item.file.name, problem=str(error), no_log=no_log)
            failed(item.file, result)
        else:
            named.append((form, item.zone, item.file))
    return sorted(named, key=lambda one: (one[0], one[1] or ""))


def _format(forms: Mapping[str, Format], item: Arrival) -> str:
    """Return the format of a file; of what was pulled, what its source says now, for that may have been mended."""
    if item.unit and (item.format or item.unit.format in forms):
        return item.format or item.unit.format or ""
    return intake.format_of(forms, item.format, item.file)


def _set_aside(spool: Spool, unit: Unit, result: Result) -> None:
    """Keep a unit that cannot be read until it is replayed; of one whose bytes are gone nothing is kept."""
    result.changed = False
    if unit.file.path.exists():
        result.problem = (
            f"{result.problem}; it is kept, `lastseen replay` reads it once that is mended"
        )
        spool.refuse(unit, result.problem)
    else:
        result.problem = f"{unit.file.path}: was deleted before it was read; its rows are missing"
        spool.done([unit])


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


def agree(space: Workspace, spool: Spool) -> None:
    """Let a source remember no more of what was read than the lake has, and no less.

    A lake that was deleted, or is an older one from a backup, has its files read again. Where the state was
    lost, units count on from the last one that the lake had, whatever the clock says.
    """
    kept = spool.recall_all(_TABLE)
    if any(not _holds(space, key.removeprefix(_TABLE), stood) for key, stood in kept.items()):
        spool.forget([*kept, *spool.recall_all(_READ)])
    if spool.recall("") is None:
        mark = bookmarks.of_source(spool.source)
        last = max((space.lake.marks(name)[mark] or 0 for name in space.lake.tables()), default=0)
        spool.remember({"": str(last)})


def _stands(space: Workspace, name: str) -> str:
    """Return which table it is and its version."""
    table = space.lake.table(name)
    return "" if table is None else f"{table.metadata().id} {table.version()}"


def _holds(space: Workspace, name: str, stood: str) -> bool:
    """Say whether a table is the one it was, or what it grew to."""
    before, now = stood.split(), _stands(space, name).split()
    return bool(now) and before[0] == now[0] and int(before[1]) <= int(now[1])


def settle(
    space: Workspace, spool: Spool, items: list[Arrival], results: list[Result], outcome: Outcome
) -> None:
    """Forget units that are in the lake, remember what is read to its end."""
    done = [
        item.unit for item, result in zip(items, results, strict=True) if item.unit and result.read
    ]
    spool.done(done)
    signs: dict[str, str] = {}
    for item, result in zip(items, results, strict=True):
        name = item.file.name
        if item.unit or name not in outcome.signs:
            continue
        if result.no_log:
            _tell_once(spool, name, result, outcome)
        elif not result.read or result.problem or result.held:
            continue
        else:
            signs[f"{_TABLE}{result.format}"] = ""
        signs[_READ + name] = outcome.signs[name]
    tables = [key for key in signs if key.startswith(_TABLE)]
    signs |= {key: _stands(space, key.removeprefix(_TABLE)) for key in tables}
    if signs:
        spool.remember(signs)


def _tell_once(spool: Spool, name: str, result: Result, outcome: Outcome) -> None:
    """Let a file that is no log be a problem the first time alone: many folders of logs hold one that grows."""
    outcome.skipped += 1
    if spool.recall(_NO_LOG + name):
        result.problem = None
    else:
        spool.remember({_NO_LOG + name: "told"})
