"""From what a user names to files with formats: folders, globs, ``{host}`` in a path, standard input."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lastseen import formats, hostpath
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.ingest import Ingest
from lastseen.lake import Lake, unwritable
from lastseen.logfile import LogFile, Result
from lastseen.project import Project
from lastseen.records import Reader
from lastseen.unpack import must_be_text, open_bytes

_SAMPLE = 200
"""Lines by which a format is found."""

Told = Callable[[int, int, str], None]
"""Told of progress: bytes read, bytes in all, and the format that is read."""


@dataclass(frozen=True)
class Request:
    """What a user asked to add."""

    paths: Sequence[str]
    format: str | None = None
    host: str | None = None
    zone: str | None = None
    below: Path | None = None
    """Files below this folder are named from there on."""


def add(project: Project, lake: Lake, request: Request, now: datetime, told: Told) -> list[Result]:
    """Add files to the lake; the caller holds the project's lock.

    Returns:
        What became of each file: first those that could not be read, then the others by format.

    Raises:
        UserError: the request, the content or the lake is at fault.
    """
    forms = formats.load(project)
    _must_be_known(request, forms)
    found: list[tuple[str, LogFile]] = []
    results: list[Result] = []
    with TemporaryDirectory(prefix=".lastseen.stdin.", dir=project.root) as spool:
        for file in _files(request, Path(spool)):
            try:
                found.append((format_of(forms, request.format, file), file))
            except UserError as error:
                results.append(Result(file.name, problem=str(error)))
        found.sort(key=lambda pair: pair[0])
        total = sum(map(_size, found))
        done = 0
        with formats.prepare(project) as con:
            for name, pairs in groupby(found, key=lambda pair: pair[0]):
                group = list(pairs)
                size = sum(map(_size, group))
                told_so = partial(_report, told, done, size, total, name)
                ingest = Ingest(con, forms[name], lake, now)
                results += ingest.add([file for _, file in group], request.zone, told_so)
                done += size
    return results


def _must_be_known(request: Request, forms: Mapping[str, Format]) -> None:
    """Refuse a format or a zone that is none.

    Raises:
        UserError: naming the nearest format.
    """
    if request.format is not None and request.format not in forms:
        near = get_close_matches(request.format, forms, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(forms)}"
        raise UserError(f"--format {request.format}: there is no such format; {hint}")
    try:
        ZoneInfo(request.zone or "UTC")
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise UserError(
            f"--zone {request.zone}: there is no such zone; write one like Europe/Berlin"
        ) from None


def format_of(forms: Mapping[str, Format], given: str | None, file: LogFile) -> str:
    """Return the name of a file's format: as the user says, else as the file looks.

    Raises:
        UserError: it cannot be read, or is no log, or nothing tells its format.
    """
    with open_bytes(file.path) as stream:
        must_be_text(file.name, stream)
    return given or sniff(forms, file).name


def _size(found: tuple[str, LogFile]) -> int:
    try:
        return found[1].path.stat().st_size
    except OSError:
        return 0


def _report(told: Told, done: int, size: int, total: int, name: str, read: int) -> None:
    """Tell of progress; packed files give more than their size, so the bar waits at its end."""
    told(done + min(read, size), total, name)


def _files(request: Request, spool: Path) -> Iterator[LogFile]:
    """Yield the files that a user's paths name, each once; what is not there is named all the same."""
    seen: set[Path] = set()
    for given in dict.fromkeys(request.paths):
        if given == "-":
            yield LogFile(_spooled(sys.stdin.buffer, spool), "-", request.host)
            continue
        for path, host in sorted(hostpath.matches(given)) or [(Path(given), None)]:
            if path not in seen:
                seen.add(path)
                name = hostpath.name_of(path, request.below)
                yield LogFile(_regular(path, spool), name, host or request.host)


def _regular(path: Path, spool: Path) -> Path:
    """Return what can be read more than once: the path, or a copy of what comes out of a pipe."""
    if not path.is_fifo():
        return path
    with path.open("rb") as pipe:
        return _spooled(pipe, spool)


def _spooled(stream: IO[bytes], spool: Path) -> Path:
    """Keep a stream in a file, for a log is read twice: to find its format, and its rows.

    Raises:
        UserError: there is no room for it.
    """
    target = spool / str(len(list(spool.iterdir())))
    try:
        with target.open("wb") as out:
            shutil.copyfileobj(stream, out)
    except OSError as error:
        raise unwritable(target, error) from None
    return target


def sniff(forms: Mapping[str, Format], file: LogFile) -> Format:
    """Find the format of a file by its name and its beginning.

    Raises:
        UserError: none or several fit, or the file cannot be read or holds no text.
    """
    with open_bytes(file.path) as stream:
        chunk = next(Reader(stream).chunks(), None)
    lines = chunk.texts.slice(0, _SAMPLE).to_pylist() if chunk else []
    return formats.detect(forms, file.name, lines)
