"""Opens log files behind what was read of them, and makes sure that they stay the same while they are read."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BufferedIOBase
from typing import TYPE_CHECKING, Any

from lastseen import bookmarks, recovery
from lastseen.accounting import Account
from lastseen.bookmarks import Beside, Bookmark, Marks
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.logfile import LogFile, Result
from lastseen.reading import Reading
from lastseen.records import Reader
from lastseen.unpack import DAMAGED, open_bytes

if TYPE_CHECKING:
    from lastseen.repeats import Repeats


class ChangedError(UserError):
    """Another file took a file's name while it was read."""


@dataclass(frozen=True)
class Begun:
    """A file that is open, and its way through the query."""

    file: LogFile
    opened: Callable[[], BufferedIOBase]
    """Opens it once more, at its beginning."""
    bookmark: Bookmark
    """How far it was read before."""
    reading: Reading


@dataclass(frozen=True)
class Known:
    """What the lake knows of files of a format."""

    form: Format
    marks: Marks
    """How far they were read."""
    rejected: Beside
    """How far their rejects are kept."""
    repeats: "Repeats | None"
    """None where no file may hold events that are there."""


def begin(file: LogFile, zone: str | None, known: Known, open_files: ExitStack) -> Begun:
    """Open a file behind what was read of it.

    Args:
        file: The file.
        zone: The zone of times without one; None is the format's.
        known: What the lake knows.
        open_files: Closes it.

    Raises:
        UserError: it is gone, or cannot be read.
    """
    opened = partial(open_bytes, file.path)
    asked = _asked(file, zone or known.form.zone)
    bookmark, stream = bookmarks.find(opened, known.marks, file)
    open_files.enter_context(stream)
    record = known.form.record.pattern if known.form.record else None
    line = bookmark.lines + (not bookmark.inside_line)
    reading = Reading(
        reader=Reader(stream, record, line, bookmark.tail, file.ends),
        account=Account(
            known.form.name, known.form.skip, bookmark.lines if bookmark.inside_line else None
        ),
        known=asked,
        result=Result(file.name, known.form.name),
        kept=recovery.rejects_kept(opened, known.rejected, bookmark, file),
        repeats=known.repeats if file.repeats else None,
    )
    return Begun(file, opened, bookmark, reading)


def _asked(file: LogFile, zone: str) -> dict[str, Any]:
    """Return what the format's query may ask about a file."""
    try:
        changed = file.path.stat().st_mtime
    except OSError as error:
        raise UserError(f"{file.name}: cannot be read: {error.strerror}") from None
    return {
        "file": file.name,
        "emitter": file.emitter,
        "zone": zone,
        "file_time": datetime.fromtimestamp(changed, UTC),
    }


def alike(one: Begun, other: Begun) -> bool:
    """Say whether two files may be the same one, or one of them what the other grew to."""
    if one.file.unit or one.file.emitter != other.file.emitter:
        return False
    mine, its = one.bookmark.head, other.bookmark.head
    return mine.startswith(its) or its.startswith(mine)


def same(one: Begun) -> None:
    """Make sure that a file's name stood for the same bytes all the while it was read.

    Raises:
        ChangedError: it was rotated or truncated under the reader.
    """
    consumed = one.reading.reader.consumed
    head = one.bookmark.head[: one.bookmark.size + consumed]
    if consumed and not head and not one.file.unit:
        # Without a beginning there is no bookmark by which what was read could be known again.
        raise ChangedError(f"{one.file.name}: was empty when it was opened, and is not any more")
    if one.file.unit or not head:
        return
    try:
        with one.opened() as stream:
            again = stream.read(len(head))
    except UserError:
        again = b""
    except DAMAGED:  # packed data that breaks off; the reader has told
        return
    if again != head:
        raise ChangedError(f"{one.file.name}: was rotated or truncated while it was read")
