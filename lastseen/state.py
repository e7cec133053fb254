"""What lastseen remembers between runs, in one SQLite file beside the lake.

The lake's bookmarks say what is in the lake; this file says what was asked for, what waits in the spool, and how
runs went. Another process may read while one writes (write-ahead log).
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lastseen import state_schema
from lastseen.errors import Exit, UserError

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@dataclass(frozen=True)
class Run:
    """How one run of a job went."""

    kind: str
    """pull, rule, report or tidy."""
    name: str
    started: datetime
    finished: datetime
    problem: str | None = None
    """Why it failed, or failed in part; None where all went well."""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Numbers and names that `status` shows: rows, rejects, files, hosts that were not reached."""


class State:
    """The open file. One object serves one thread."""

    def __init__(
        self, path: Path, opens: Callable[[Path], sqlite3.Connection] | None = None
    ) -> None:
        """Open the file, and make it where it is not there.

        Args:
            path: The file.
            opens: How it is opened; left out, for reading and writing.

        Raises:
            UserError: it cannot be opened, or is no SQLite file (exit code 4), or is of a later version.
        """
        self.path = path
        try:
            self.db = (opens or _for_writing)(path)
            self.version = _version(self.db)
        except sqlite3.Error as error:
            raise self._damaged(error) from None
        if self.version > state_schema.VERSION:
            self.close()
            raise UserError(
                f"{path}: was written by a later version of lastseen, which knows more than this one; "
                "use that version"
            )

    def _damaged(self, why: object) -> UserError:
        return UserError(
            f"{self.path}: cannot be read: {why}; move it away: what is in the lake and in the spool stays",
            Exit.DAMAGED,
        )

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Do several changes as one: all of them, or on an error none.

        Raises:
            UserError: the disk is full, or the file cannot be written.
        """
        try:
            self.db.execute("begin immediate")
            try:
                yield self.db
            except BaseException:
                self.db.execute("rollback")
                raise
            self.db.execute("commit")
        except sqlite3.Error as error:
            code = error.sqlite_errorcode & 0xFF
            if code in _DAMAGED:
                raise self._damaged(error) from None
            hint = "; make room and run it again" if code == sqlite3.SQLITE_FULL else ""
            raise UserError(
                f"{self.path}: cannot be written: {error}{hint}", Exit.PARTIAL
            ) from None

    def note(self, run: Run) -> None:
        """Keep how a run went."""
        row = (
            run.kind, run.name, stamp(run.started), stamp(run.finished), run.problem,
            json.dumps(run.detail, default=str),
        )  # fmt: skip
        with self.change() as db:
            db.execute(
                "insert into run (kind, name, started, finished, problem, detail) values (?, ?, ?, ?, ?, ?)",
                row,
            )

    def forget(self, before: datetime) -> None:
        """Forget the runs that finished before a moment; the newest of each job stays."""
        with self.change() as db:
            db.execute(
                "delete from run where finished < ? and id not in (select max(id) from run group by kind, name)",
                (stamp(before),),
            )

    def last(
        self, kind: str, name: str, *, good: bool = False, until: datetime | None = None
    ) -> Run | None:
        """Return the newest run of a job; with ``good`` the newest that had no problem."""
        where = "kind = ? and name = ? and finished <= ?" + " and problem is null" * good
        found = self.runs(where, (kind, name, stamp(until) if until else 2**62), limit=1)
        return found[0] if found else None

    def runs(
        self,
        where: str = "true",
        values: Sequence[object] = (),
        limit: int = 100,
        order: str = "finished desc, id desc",
    ) -> list[Run]:
        """Return runs, the newest first."""
        query = (
            f"select kind, name, started, finished, problem, detail from run where {where} "
            f"order by {order} limit ?"
        )
        return [
            Run(kind, name, moment(started), moment(finished), problem, json.loads(detail))
            for kind, name, started, finished, problem, detail in self.db.execute(
                query, (*values, limit)
            )
        ]

    def set_aside(self) -> list[str]:
        """Return the sources that brought something which could not be read."""
        query = "select distinct source from unit where problem is not null order by source"
        return [source for (source,) in self.db.execute(query)]

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            raise self._damaged(error) from None


def look(path: Path) -> State:
    """Open the file for reading alone; where there is none, nothing was ever noted.

    It waits for no writer, changes nothing, and needs no right to write.

    Raises:
        UserError: it cannot be opened, or is no SQLite file (exit code 4).
    """
    return State(path, _for_reading)


def _for_writing(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        if (version := _version(db)) < state_schema.VERSION:
            db.executescript(state_schema.script(version))
    except sqlite3.Error:
        db.close()
        raise
    return db


def _for_reading(path: Path) -> sqlite3.Connection:
    if not path.exists():
        return fresh()
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError:
        # Who may not make the files that SQLite wants beside it can read it as one that nobody writes.
        return _opened(path, "immutable=1")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, isolation_level=None)
    try:
        made = _version(db)
    except sqlite3.Error:
        db.close()
        raise
    if made:
        return db
    db.close()
    return fresh()


def fresh() -> sqlite3.Connection:
    """Open the tables in memory, with nothing in them."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(state_schema.script(0))
    return db


def _version(db: sqlite3.Connection) -> int:
    """Return the version of a file's tables; 0 where it has none yet."""
    return int(db.execute("pragma user_version").fetchone()[0])


def stamp(when: datetime) -> int:
    """Return a moment as the file holds it: microseconds since 1970, UTC."""
    span = when - datetime(1970, 1, 1, tzinfo=UTC)
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def moment(stamped: int) -> datetime:
    """Return the moment that a number of microseconds since 1970 stands for, UTC."""
    return datetime.fromtimestamp(stamped // 1_000_000, UTC).replace(
        microsecond=stamped % 1_000_000
    )
