"""How far each file of a host was read, remembered beside the units of the spool.

A file is known by its bytes, never by its name, as in ``lastseen.bookmarks``: by a hash of its beginning and one of
what lies before the place reached. Its name, size and time only save looking: a file that stands where it stood, as
large and as old as it was, has nothing new.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from lastseen.pull.spool import Spool
from lastseen.state import moment, stamp

HEAD = 64 << 10
"""Bytes at a file's beginning that name it."""
TAIL = 64 << 10
"""Bytes before the place reached that must still be there."""
_STALE = timedelta(days=60)
"""A file that a host has not had for so long is forgotten."""
_NOTED = timedelta(days=1)
"""How exactly it is known when a file was there last; each note is a write."""


@dataclass(frozen=True)
class Place:
    """Where a file stands, and what it looked like from outside."""

    name: str
    size: int
    """Bytes as they lie there, packed or not."""
    changed: int
    """Seconds since 1970, by the host's clock."""


NOWHERE = Place("", 0, 0)


@dataclass(frozen=True)
class Mark:
    """How far one file was read."""

    slot: int
    """Which of the host's files it is."""
    size: int = 0
    """Bytes read, unpacked."""
    lines: int = 0
    """Lines begun in them."""
    head_size: int = 0
    """Bytes of its beginning that ``head`` is of."""
    head: str = ""
    tail: str = ""
    """A hash of up to ``TAIL`` bytes before the place reached."""
    whole: bool = True
    """What was read ends with a line's end."""
    held: bool = False
    """Bytes behind it were there, and no line's end in them."""
    packed: str = ""
    """A hash of the first ``HEAD`` bytes as they lie there, where the file is compressed."""
    place: Place = NOWHERE
    seen: int = 0
    """When it was there last, to about a day; microseconds since 1970."""


class Marks:
    """The marks of one host."""

    def __init__(self, spool: Spool, host: str, now: datetime) -> None:
        """Read them.

        Args:
            spool: Remembers them.
            host: As it was configured.
            now: When this pull began, UTC.
        """
        self._spool = spool
        self._host = host
        self._now = now
        self._by_slot: dict[int, Mark] = {}
        for key, value in spool.recall_all(f"file/{host}/").items():
            found = json.loads(value)
            place = Place(**found.pop("place"))
            slot = int(key.rpartition("/")[2])
            self._by_slot[slot] = Mark(slot=slot, place=place, **found)
        self._newest = max((mark.seen for mark in self._by_slot.values()), default=stamp(now))
        self._there: set[int] = set()

    def floor(self, pattern: str, since: timedelta) -> datetime:
        """Return from when on a rotated file that nobody knows counts as new; set once, at the first pull."""
        key = f"floor/{self._host}/{pattern}"
        kept = self._spool.recall(key)
        if kept is None:
            kept = str(stamp(self._now - since))
            self._spool.remember({key: kept})
        return moment(int(kept))

    def new(self) -> Mark:
        """Return the mark of a file that is not known."""
        return Mark(max(self._by_slot, default=-1) + 1)

    def standing(self, place: Place) -> Mark | None:
        """Return the mark of the file that stood there and looked so."""
        return next((mark for mark in self._by_slot.values() if mark.place == place), None)

    def compressed(self, place: Place, packed: str) -> Mark | None:
        """Return the mark of a compressed file that was read under another name."""
        return next(
            (
                mark
                for mark in self._by_slot.values()
                if mark.packed == packed
                and (mark.place.size, mark.place.changed) == (place.size, place.changed)
            ),
            None,
        )

    async def find(
        self, head: bytes, before: Callable[[int, int], Awaitable[bytes]]
    ) -> tuple[Mark, bytes] | None:
        """Return the mark of a file that begins so, and the bytes before the place reached.

        Args:
            head: Its first ``HEAD`` bytes, or all there are.
            before: Reads so many bytes from a place on; fewer where the file ends.
        """
        for mark in sorted(self._by_slot.values(), key=lambda mark: -mark.size):
            if not mark.size or digest(head[: mark.head_size]) != mark.head:
                continue
            start = max(0, mark.size - TAIL)
            tail = (
                head[start : mark.size]
                if mark.size <= len(head)
                else await before(start, mark.size - start)
            )
            if len(tail) == mark.size - start and digest(tail) == mark.tail:
                return mark, tail
        return None

    def row(self, mark: Mark) -> dict[str, str]:
        """Return a mark as the spool remembers it."""
        values = asdict(replace(mark, seen=stamp(self._now)))
        slot = values.pop("slot")
        return {f"file/{self._host}/{slot}": json.dumps(values, separators=(",", ":"))}

    def kept(self, mark: Mark) -> None:
        """Take note of a mark that the spool now remembers."""
        self._by_slot[mark.slot] = replace(mark, seen=stamp(self._now))
        self._there.add(mark.slot)

    def stands(self, mark: Mark, place: Place) -> None:
        """Remember where a file stands now, if that is news; nothing of it was read."""
        self._there.add(mark.slot)
        if mark.place != place or self._now - moment(mark.seen) > _NOTED:
            moved = replace(mark, place=place)
            self._spool.remember(self.row(moved))
            self.kept(moved)

    def forget(self) -> None:
        """Forget files that were not there for long, now that all were looked at.

        Counted up to when the host was last heard, so that a Mac back from a drawer has its marks still.
        """
        oldest = stamp(moment(self._newest) - _STALE)
        gone = [
            slot
            for slot, mark in self._by_slot.items()
            if slot not in self._there and mark.seen < oldest
        ]
        if gone:
            self._spool.forget(f"file/{self._host}/{slot}" for slot in gone)


def digest(data: bytes) -> str:
    """Return a hash that names bytes."""
    return hashlib.sha256(data).hexdigest()[:32]
