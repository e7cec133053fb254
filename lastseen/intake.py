"""From what a user names to files with formats: folders, globs, ``{host}`` in a path, standard input."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from glob import glob, has_magic
from io import BufferedIOBase
from itertools import groupby
from pathlib import Path

from lastseen import formats
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.ingest import Ingest
from lastseen.lake import Lake
from lastseen.logfile import LogFile, Result
from lastseen.project import Project
from lastseen.records import Reader, open_bytes

_SAMPLE = 200
"""Lines by which a format is found."""
_TEXT = 0.9
"""A file of whose first bytes fewer than this share can stand in text is binary."""
_HEAD = 4096
"""Bytes by which text is told from binary."""
HOST = "{host}"

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
        What became of each file, in the order of their formats.

    Raises:
        UserError: a path names nothing, or the content or the lake is at fault.
    """
    forms = formats.load(project)
    if request.format is not None and request.format not in forms:
        raise UserError(
            f"--format {request.format}: there is no such format; known are {', '.join(forms)}"
        )
    found: list[tuple[str, LogFile]] = []
    results: list[Result] = []
    for file in expand(request, project):
        try:
            found.append((request.format or sniff(forms, file).name, file))
        except UserError as error:
            results.append(Result(file.name, problem=str(error)))
    found.sort(key=lambda pair: pair[0])
    total = sum(file.path.stat().st_size for _, file in found)
    done = 0
    with formats.prepare(project) as con:
        for name, group in groupby(found, key=lambda pair: pair[0]):
            files = [file for _, file in group]
            size = sum(file.path.stat().st_size for file in files)
            ingest = Ingest(con, forms[name], lake, now)
            results += ingest.add(
                files, request.zone, partial(_report, told, done, size, total, name)
            )
            done += size
    return results


def _report(told: Told, done: int, size: int, total: int, name: str, read: int) -> None:
    """Tell of progress; packed files give more than their size, so the bar waits at its end."""
    told(done + min(read, size), total, name)


def expand(request: Request, project: Project) -> Iterator[LogFile]:
    """Yield the files that a user's paths name, each once.

    Raises:
        UserError: a path names nothing.
    """
    seen: set[Path] = set()
    for given in request.paths:
        if given == "-":
            yield LogFile(_standard_input(project), "-", request.host)
            continue
        matches = sorted(_matches(given))
        if not matches:
            raise UserError(f"{given}: no such file")
        for path, host in matches:
            if path not in seen:
                seen.add(path)
                yield LogFile(path, _name(path, request.below), host or request.host)


def _name(path: Path, below: Path | None) -> str:
    """Return what rows call a file: its path as the user gave it."""
    return str(path.relative_to(below) if below and path.is_relative_to(below) else path)


def _matches(given: str) -> Iterator[tuple[Path, str | None]]:
    """Yield the files of one path, and the host where the path holds ``{host}``."""
    pattern = given.replace(HOST, "*")
    host = _host_pattern(given) if HOST in given else None
    # Path.glob takes no absolute pattern.
    names = glob(pattern, recursive=True) if has_magic(pattern) else [given]  # noqa: PTH207
    for name in names:
        path = Path(name)
        matched = host.match(name) if host else None
        if path.is_dir():
            yield from ((inner, matched["host"] if matched else None) for inner in _inside(path))
        elif path.exists() or path.is_symlink():
            yield path, matched["host"] if matched else None


def _inside(folder: Path) -> Iterator[Path]:
    """Yield a folder's files, those of its folders too; hidden ones are not logs."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(
            part.startswith(".") for part in path.relative_to(folder).parts
        ):
            yield path


def _host_pattern(given: str) -> re.Pattern[str]:
    """Return what finds the host in a path; a ``*`` or ``?`` elsewhere in it stands for any name."""
    words = {HOST: r"(?P<host>[^/]+?)", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\{host\}|\*\*|\*|\?)", given)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts) + r"(?:/.*)?$")


def _standard_input(project: Project) -> Path:
    """Keep standard input in a file, for a log is read more than once: to find its format, and its rows."""
    target = project.root / ".lastseen.stdin"
    with target.open("wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
    return target


def sniff(forms: Mapping[str, Format], file: LogFile) -> Format:
    """Find the format of a file by its name and its beginning.

    Raises:
        UserError: none or several fit, or the file cannot be read or holds no text.
    """
    with open_bytes(file.path) as stream:
        _must_be_text(file.name, stream)
    with open_bytes(file.path) as stream:
        chunk = next(Reader(stream).chunks(), None)
    lines = chunk.texts.slice(0, _SAMPLE).to_pylist() if chunk else []
    return formats.detect(forms, file.name, lines)


def _must_be_text(name: str, stream: BufferedIOBase) -> None:
    """Refuse what is empty or binary; a log that was truncated under its writer begins with NULs.

    Raises:
        UserError: it is no log.
    """
    read = stream.read1(_HEAD)
    head = read.lstrip(b"\0")
    while read and not head:
        read = stream.read1(_HEAD)
        head = read.lstrip(b"\0")
    if not head:
        raise UserError(f"{name}: is empty; nothing to add")
    text = sum(byte >= ord(" ") or byte in b"\t\r\n\x1b\0" for byte in head)
    if text < _TEXT * len(head) or head.count(0) > len(head) // 2:
        raise UserError(f"{name}: is a binary file, not a log; nothing of it was added")
