"""What was pulled and waits to be read: files of whole records, each known to the state before it counts.

A unit exists from the moment in which its row is committed together with what the source has to remember, so a
crash before that repeats the request and one after it does not. It is gone once the lake has it.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from lastseen.lake import unwritable
from lastseen.logfile import LogFile
from lastseen.state import State, stamp

_LATEST = 1 << 33
"""The year 2242, as seconds since 1970."""
_OWN = re.compile(r"\.\d+\.\d+\.\d+|\d+")
"""The names of drafts and of units."""


@dataclass(frozen=True)
class Note:
    """What is known of bytes that were pulled."""

    name: str
    """What rows call the file they came from."""
    format: str | None = None
    """None where the source does not know: it is found then."""
    emitter: str | None = None
    zone: str | None = None
    line: int = 1
    """Which line of that file the first one is."""


@dataclass(frozen=True)
class Unit:
    """Bytes in the spool: whole records of one format."""

    number: int
    """Counts up within a source, for ever."""
    file: LogFile
    format: str | None
    zone: str | None


class Draft:
    """A file of the spool that is being written; it counts once it was kept."""

    def __init__(self, spool: "Spool", path: Path, file: BinaryIO) -> None:
        self.path = path
        """For those who write by path; what they write must be there before ``keep``."""
        self.file = file
        self._spool = spool

    def write(self, data: bytes) -> None:
        """Write some bytes."""
        self.file.write(data)

    def keep(
        self,
        notes: Sequence[Note],
        now: datetime,
        remember: Mapping[str, str] | None = None,
        seen: Iterable[str] = (),
    ) -> None:
        """Make it count, with what the source has to remember, all in one step.

        Args:
            notes: A unit for each: the same bytes may be of two formats. A draft without bytes is no unit.
            now: When the bytes were pulled, UTC.
            remember: Values by key, see ``Spool.recall``.
            seen: Origins that need not be fetched again, see ``Spool.was_seen``.
        """
        self.finish()
        self._spool.keep([(self, notes)], now, remember or {}, seen)

    def finish(self, changed: float | None = None) -> None:
        """Make what was written outlast a power cut, and close the file.

        Args:
            changed: When the original was last changed, as seconds since 1970: a log whose lines name no
                year takes it from there. None is now; what no clock could have said is passed over.
        """
        if self.file.closed:
            return
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        if changed is not None and 0 < changed < _LATEST:
            os.utime(self.path, (changed, changed))


class Spool:
    """The spool of one source; the caller holds the source's lock."""

    def __init__(self, state: State, folder: Path, source: str) -> None:
        """Open it, and remove what a crash left unfinished; what is not the spool's own is left alone.

        Args:
            state: Where units and memories are kept.
            folder: The spool of all sources.
            source: The source's name.
        """
        self.source = source
        self.below = folder.parent
        """The project's folder: what lies there is named from there on."""
        self._state = state
        self._folder = folder / source
        self.lost = folder / f".{source}.lost"
        """Where bytes are kept whose state was lost; there only once that came about."""
        if self._folder.is_dir():
            self._clear()

    def _clear(self) -> None:
        units = "select file from unit where source = ?"
        known = {file for (file,) in self._state.db.execute(units, (self.source,))}
        new = not known and self.recall("") is None
        for path in self._folder.iterdir():
            if path.name.isdecimal() and path.name not in known and new:
                self.lost.mkdir(exist_ok=True)
                path.rename(self.lost / path.name)
            elif _OWN.fullmatch(path.name) and path.name not in known:
                path.unlink()

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """Yield a file to write to; what is not kept is removed.

        Raises:
            UserError: the disk is full.
        """
        path = self._folder / f".{time.time_ns()}.{os.getpid()}.{id(object())}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("w+b") as file:
                yield Draft(self, path, file)
        except OSError as error:
            if error.filename not in (None, str(path)):
                raise
            raise unwritable(path, error) from None
        finally:
            path.unlink(missing_ok=True)

    def keep(
        self,
        drafts: Sequence[tuple[Draft, Sequence[Note]]],
        now: datetime,
        remember: Mapping[str, str],
        seen: Iterable[str] = (),
    ) -> None:
        """Take several finished drafts into the spool as one: all of them, or on an error none.

        The arguments are those of ``Draft.keep``; units count up in the order of the drafts.
        """
        named = [(d.path, note) for d, notes in drafts if d.path.stat().st_size for note in notes]
        linked: list[Path] = []
        try:
            with self._state.change() as db:
                first = self._next(now)
                for number, (path, note) in enumerate(named, first):
                    os.link(path, self._folder / str(number))
                    linked.append(self._folder / str(number))
                    db.execute(
                        "insert into unit values (?, ?, ?, ?, ?, ?, ?, ?, ?, null)",
                        (self.source, number, str(number), note.name, note.format, note.emitter, note.zone,
                         note.line, stamp(now)),
                    )  # fmt: skip
                if linked:
                    remember = {**remember, "": str(first + len(linked) - 1)}
                    _sync(self._folder)
                self._remember(remember)
                db.executemany(
                    "insert into seen values (?, ?, ?) on conflict do update set at = excluded.at",
                    [(self.source, origin, stamp(now)) for origin in seen],
                )
        except (
            Exception
        ):  # what a signal leaves goes when the spool is opened: it may have been committed
            for path in linked:
                path.unlink(missing_ok=True)
            raise

    def _next(self, now: datetime) -> int:
        """Return the next unit's number: the clock, so that it goes up even where the state was lost.

        It never goes back with the clock.
        """
        (last,) = self._state.db.execute(
            "select max(number) from unit where source = ?", (self.source,)
        ).fetchone()
        before = self.recall("")
        return max(stamp(now), (last or 0) + 1, int(before or 0) + 1)

    def waiting(self) -> list[Unit]:
        """Return the units that wait to be read, in the order they came."""
        query = (
            "select number, file, name, format, emitter, zone, line from unit "
            "where source = ? and problem is null order by number"
        )
        return [
            Unit(
                number,
                LogFile(self._folder / file, name, emitter, unit=(self.source, number), line=line),
                form,
                zone,
            )
            for number, file, name, form, emitter, zone, line in self._state.db.execute(
                query, (self.source,)
            )
        ]

    def done(self, units: Iterable[Unit]) -> None:
        """Forget units that the lake has."""
        gone = list(units)
        with self._state.change() as db:
            db.executemany(
                "delete from unit where source = ? and number = ?",
                [(self.source, unit.number) for unit in gone],
            )
        for unit in gone:
            unit.file.path.unlink(missing_ok=True)

    def refuse(self, unit: Unit, problem: str) -> None:
        """Set a unit aside that cannot be read; its file stays for the user to look at."""
        with self._state.change() as db:
            db.execute(
                "update unit set problem = ? where source = ? and number = ?",
                (problem, self.source, unit.number),
            )

    def bring_back(self, now: datetime) -> None:
        """Let units that were set aside wait again, as if they had just come."""
        aside = "select number from unit where source = ? and problem is not null order by number"
        with self._state.change() as db:
            old = [number for (number,) in db.execute(aside, (self.source,))]
            first = self._next(now)
            db.executemany(
                "update unit set number = ?, problem = null where source = ? and number = ?",
                [(new, self.source, number) for new, number in enumerate(old, first)],
            )
            if old:
                self._remember({"": str(first + len(old) - 1)})

    def recall(self, key: str) -> str | None:
        """Return what the source remembered under a key."""
        row = self._state.db.execute(
            "select value from memory where source = ? and key = ?", (self.source, key)
        ).fetchone()
        return None if row is None else str(row[0])

    def recall_all(self, prefix: str) -> dict[str, str]:
        """Return all that the source remembered under keys with a beginning."""
        query = "select key, value from memory where source = ? and substr(key, 1, ?) = ?"
        return dict(self._state.db.execute(query, (self.source, len(prefix), prefix)))

    def remember(self, values: Mapping[str, str]) -> None:
        """Remember values by key, apart from any unit."""
        with self._state.change():
            self._remember(values)

    def forget(self, keys: Iterable[str]) -> None:
        """Forget what was remembered under keys."""
        with self._state.change() as db:
            db.executemany(
                "delete from memory where source = ? and key = ?",
                [(self.source, key) for key in keys],
            )

    def was_seen(self, origin: str) -> bool:
        """Say whether something was fetched before: an object with its version, an upload by its hash."""
        query = "select 1 from seen where source = ? and origin = ?"
        return self._state.db.execute(query, (self.source, origin)).fetchone() is not None

    def _remember(self, values: Mapping[str, str]) -> None:
        self._state.db.executemany(
            "insert into memory values (?, ?, ?) on conflict do update set value = excluded.value",
            [(self.source, key, value) for key, value in values.items()],
        )


def _sync(folder: Path) -> None:
    """Make a folder's new names outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
