"""How far each file was read, kept as app transactions of the table it was read into.

A file is known by its bytes, never by its name: by a hash of its beginning, and by a hash of what lies
before the bookmark. So one that was rotated, copied, compressed or renamed is recognised, one that was
overwritten is new, and two exports with the same banner are two files.
"""

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from lastseen.records import TAIL

HEAD = 64 << 10
"""Bytes at a file's beginning that name it, or as much as was read of a shorter one."""
_TRIES = 1000
"""Files with one beginning that can be told apart."""


class Marks(Protocol):
    """Numbers by name; a name that was never set has None."""

    def __getitem__(self, mark: str) -> int | None:
        """Return the number."""


@dataclass(frozen=True)
class Bookmark:
    """How far one file was read."""

    key: str
    """Names the file within its table; empty where the file is new."""
    bytes: int
    """Bytes read, unpacked."""
    lines: int
    """Lines begun in them."""
    head: bytes
    """The file's first bytes, ``HEAD`` of them or as many as there are."""
    tail: bytes
    """The bytes before the bookmark, ``TAIL`` of them or as many as were read."""

    @property
    def inside_line(self) -> bool:
        """The last byte read is no line end: what comes next is the rest of a line already stored."""
        return bool(self.tail) and not self.tail.endswith(b"\n")


def find(opened: Callable[[], BinaryIO], marks: Marks, emitter: str | None) -> tuple[Bookmark, BinaryIO]:
    """Return a file's bookmark, and the file opened just behind what was read.

    Args:
        opened: Opens the file, unpacked, at its beginning.
        marks: The table's bookmarks.
        emitter: Whose log it is; the same bytes from two machines are two files.
    """
    with opened() as stream:
        head = _read(stream, HEAD)
    for key in _candidates(head, marks, emitter):
        read = marks[f"{key}.bytes"] or 0
        stream = opened()
        _skip(stream, max(0, read - TAIL))
        tail = _read(stream, min(read, TAIL))
        if len(tail) == min(read, TAIL) and _number(tail) == marks[f"{key}.tail"]:
            return Bookmark(key, read, marks[f"{key}.lines"] or 0, head, tail), stream
        stream.close()
    return Bookmark("", 0, 0, head, b""), opened()


def marks_for(old: Bookmark, consumed: int, lines: int, tail: bytes, marks: Marks, emitter: str | None) -> dict[str, int]:
    """Return the marks that say how far a file has been read now.

    Args:
        old: Where reading began.
        consumed: Bytes read since.
        lines: Lines begun in all.
        tail: The bytes before the new bookmark, ``TAIL`` of them or as many as there are.
        marks: The table's bookmarks.
        emitter: Whose log it is.
    """
    total = old.bytes + consumed
    fresh = (key for key in _keys(old.head[:total], emitter) if marks[f"{key}.bytes"] is None)
    key = old.key or next(fresh)
    return {f"{key}.bytes": total, f"{key}.lines": lines, f"{key}.tail": _number(tail)}


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
    return (f"file.{size}.{name}.{number}" for number in range(_TRIES))


def _rounded(size: int) -> int:
    """Return the largest power of two that fits, so that a few lengths find every beginning."""
    return 1 << (size.bit_length() - 1) if size > 0 else 0


def _number(data: bytes) -> int:
    """Return a hash as a bookmark can hold it: 63 bits."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big") >> 1


def _skip(stream: BinaryIO, size: int) -> None:
    """Go forward; packed data has to be unpacked for that."""
    if stream.seekable():
        stream.seek(size, io.SEEK_CUR)
        return
    while size and (part := _read(stream, min(size, 1 << 20))):
        size -= len(part)


def _read(stream: BinaryIO, size: int) -> bytes:
    """Read up to so many bytes, fewer only at the end, or where packed data breaks off."""
    parts = []
    while size:
        try:
            part = stream.read(size)
        except (EOFError, OSError):
            break
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
