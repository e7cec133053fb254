"""How far each file was read, kept as app transactions of the table it was read into.

A file is known by its bytes, never by its name: by a hash of its beginning, and by a hash of what lies
before the bookmark. So one that was rotated, copied, compressed or renamed is recognised, one that was
overwritten is new, and two exports with the same banner are two files. What was pulled into the spool is known
by its source and number instead: one bookmark a source, however many units there are.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import SEEK_CUR, BufferedIOBase
from itertools import count
from typing import Protocol

from lastseen.logfile import LogFile
from lastseen.records import TAIL, Reader
from lastseen.unpack import DAMAGED

_SOURCE = "pull."
HEAD = 64 << 10
"""Bytes at a file's beginning that name it, or as much as was read of a shorter one."""


class Marks(Protocol):
    """Numbers by name; a name that was never set has None."""

    def __getitem__(self, mark: str) -> int | None:
        """Return the number."""


@dataclass(frozen=True)
class Over:
    """Marks about to be set, over those that are."""

    new: Mapping[str, int]
    old: Marks

    def __getitem__(self, mark: str) -> int | None:
        return self.new.get(mark, self.old[mark])


@dataclass(frozen=True)
class Beside:
    """The marks that a table which many formats share keeps for one of them."""

    marks: Marks
    format: str

    def __getitem__(self, mark: str) -> int | None:
        return self.marks[f"{self.format}.{mark}"]

    def names(self, marks: Mapping[str, int]) -> dict[str, int]:
        """Return a format's marks under the names that they have there."""
        return {f"{self.format}.{mark}": number for mark, number in marks.items()}


@dataclass(frozen=True)
class Bookmark:
    """How far one file was read."""

    key: str
    """Names the file, or the source, within its table; empty where the file is new."""
    size: int
    """Bytes read, unpacked; for a source the number of the last unit."""
    lines: int
    """Lines begun in them."""
    head: bytes
    """The file's first bytes, ``HEAD`` of them or as many as there are."""
    tail: bytes
    """The bytes before the bookmark, ``TAIL`` of them or as many as were read."""

    def marks(self) -> dict[str, int]:
        """Return it as a table keeps it."""
        if self.key.startswith(_SOURCE):
            return {self.key: self.size}
        return {
            f"{self.key}.bytes": self.size,
            f"{self.key}.lines": self.lines,
            f"{self.key}.tail": _number(self.tail),
        }

    def noted(self, marks: Marks) -> bool:
        """Say whether another table has come as far."""
        if self.key.startswith(_SOURCE):
            return (marks[self.key] or 0) >= self.size
        return marks[f"{self.key}.bytes"] == self.size

    @property
    def inside_line(self) -> bool:
        """Some of a line was read and its end was not: what comes next is the rest of it."""
        return bool(self.tail.rpartition(b"\n")[2].strip(b"\0"))


def find(
    opened: Callable[[], BufferedIOBase], marks: Marks, file: LogFile
) -> tuple[Bookmark, BufferedIOBase]:
    """Return a file's bookmark, and the file opened just behind what was read.

    Args:
        opened: Opens the file, unpacked, at its beginning.
        marks: The table's bookmarks.
        file: Says whose log it is, for the same bytes from two machines are two files, or which unit.
    """
    if file.unit:
        return _find_unit(opened, marks, file)
    with opened() as stream:
        head = _read(stream, HEAD)
    for key in _candidates(head, marks, file.emitter):
        read = marks[f"{key}.bytes"] or 0
        tail = head[max(0, read - TAIL) : read] if read <= len(head) else _before(opened, read)
        if len(tail) == min(read, TAIL) and _number(tail) == marks[f"{key}.tail"]:
            stream = opened()
            _skip(stream, read)
            return Bookmark(key, read, marks[f"{key}.lines"] or 0, head, tail), stream
    return Bookmark("", 0, 0, head, b""), opened()


def begun(
    opened: Callable[[], BufferedIOBase], tables: Mapping[str, Marks], file: LogFile
) -> str | None:
    """Return the table into which a file was read before; None where it is new to all of them.

    Args:
        opened: Opens the file, unpacked, at its beginning.
        tables: The bookmarks of each table.
        file: Says whose log it is.

    Raises:
        UserError: it cannot be read.
    """
    with opened() as stream:
        head = _read(stream, HEAD)
    size = len(head)
    while size:
        first = next(_keys(head[:size], file.emitter))
        for name, marks in tables.items():
            if marks[f"{first}.bytes"] is not None:
                bookmark, stream = find(opened, marks, file)
                stream.close()
                if bookmark.key:
                    return name
        size = _rounded(size - 1)
    return None


def _find_unit(
    opened: Callable[[], BufferedIOBase], marks: Marks, file: LogFile
) -> tuple[Bookmark, BufferedIOBase]:
    """Return the bookmark of a unit: it was read whole, or not at all."""
    bookmark = Bookmark(*_unit(file), file.line - 1, b"", b"")
    if bookmark.noted(marks):
        return bookmark, io.BufferedReader(io.BytesIO())
    return Bookmark("", 0, file.line - 1, b"", b""), opened()


def _unit(file: LogFile) -> tuple[str, int]:
    source, number = file.unit or ("", 0)
    return of_source(source), number


def of_source(source: str) -> str:
    """Return the mark that says which unit of a source a table has last."""
    return f"{_SOURCE}{source}"


def _before(opened: Callable[[], BufferedIOBase], read: int) -> bytes:
    """Return the bytes before a place; fewer where the file is shorter, or its packed data breaks off."""
    with opened() as stream:
        try:
            _skip(stream, read - TAIL)
        except DAMAGED:
            return b""
        return _read(stream, TAIL)


def marks_for(old: Bookmark, reader: Reader, marks: Marks, file: LogFile) -> dict[str, int]:
    """Return the marks that say how far a file has been read now.

    Args:
        old: Where reading began.
        reader: What has read on from there.
        marks: The table's bookmarks.
        file: What was read.
    """
    if file.unit:
        return dict([_unit(file)])
    size = old.size + reader.consumed
    fresh = (key for key in _keys(old.head[:size], file.emitter) if marks[f"{key}.bytes"] is None)
    key = old.key or next(fresh)
    return Bookmark(key, size, reader.line - 1, old.head, reader.tail).marks()


def _candidates(head: bytes, marks: Marks, emitter: str | None) -> Iterator[str]:
    """Yield the keys in use that a file with this beginning may have, longest beginning first."""
    size = len(head)
    while size:
        for key in _keys(head[:size], emitter):
            if marks[f"{key}.bytes"] is None:
                break
            yield key
        size = _rounded(size - 1)


def _keys(head: bytes, emitter: str | None) -> Iterator[str]:
    """Yield the keys that files with this beginning get, one after the other."""
    size = _rounded(len(head))
    name = hashlib.sha256(head[:size] + b"\0" + (emitter or "").encode()).hexdigest()[:32]
    return (f"file.{size}.{name}.{number}" for number in count())


def _rounded(size: int) -> int:
    """Return the largest power of two that fits, so that a few lengths find every beginning."""
    return 1 << (size.bit_length() - 1) if size > 0 else 0


def _number(data: bytes) -> int:
    """Return a hash as a bookmark can hold it: 63 bits."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> 1


def _skip(stream: BufferedIOBase, size: int) -> None:
    """Go forward; packed data has to be unpacked for that."""
    if stream.seekable():
        stream.seek(size, SEEK_CUR)
        return
    while size and (part := _read(stream, min(size, 1 << 20))):
        size -= len(part)


def _read(stream: BufferedIOBase, size: int) -> bytes:
    """Read up to so many bytes, fewer only at the end, or where packed data breaks off."""
    parts = []
    while size:
        try:
            part = stream.read(size)
        except DAMAGED:
            break
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
