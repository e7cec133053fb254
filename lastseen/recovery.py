"""What a run that crashed between its commits left undone, and the next run makes good.

A reading is three commits: its rejects, its rows, its coverage. The bookmark of the rows is the one that
counts. The table of rejects keeps a copy of it, and a copy that differs tells where the run ended; what is to
go into the coverage stands in the commit of the rows.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from lastseen import bookmarks, database
from lastseen.bookmarks import Beside, Bookmark, Marks
from lastseen.columns import REJECT_SCHEMA
from lastseen.coverage import Covered
from lastseen.lake import REJECTS, Lake, Writer, unwritable
from lastseen.logfile import LogFile
from lastseen.parquet import DAY

_COVERS = "covers"


def rejects_kept(
    opened: Callable[[], BufferedIOBase], marks: Beside, bookmark: Bookmark, file: LogFile
) -> int:
    """Return up to which line a file's rejects are in the lake although its rows are not.

    Args:
        opened: Opens the file, unpacked, at its beginning.
        marks: The format's marks in the table of rejects.
        bookmark: How far its rows are there.
        file: Which file it is.
    """
    if bookmark.key and bookmark.noted(marks):
        return 0
    kept, stream = bookmarks.find(opened, marks, file)
    with stream:
        if file.unit:
            return sys.maxsize if kept.key else 0
        if kept.size <= bookmark.size:
            return 0
        grown = kept.inside_line and bool(stream.read(1))
    return kept.lines - grown


@dataclass(frozen=True)
class Uncovered:
    """Readings that go into the coverage after their rows; the commit of the rows carries them too."""

    number: int
    """Names that commit, as a bookmark in both tables."""
    covered: list[Covered]

    def and_then(self, covered: list[Covered]) -> "Uncovered":
        """Return these and more of them, for a commit that is about to be made."""
        return Uncovered(max(time.time_ns(), self.number + 1), [*self.covered, *covered])

    def marks(self, form: str | None = None) -> dict[str, int]:
        """Return the bookmark of the commit, as the format's table has it or, for a format, the coverage."""
        return {f"{form}.{_COVERS}" if form else _COVERS: self.number}

    def note(self) -> dict[str, str]:
        """Return what the commit of the rows carries."""
        return {_COVERS: json.dumps([asdict(one) for one in self.covered], default=str)}


def uncovered(rows: Writer, seen: Marks, noted: Marks, form: str) -> Uncovered:
    """Return the readings whose rows a crashed run committed and whose coverage it did not.

    Args:
        rows: The format's table, to which nothing was committed yet.
        seen: The bookmarks in it.
        noted: Those in the coverage.
        form: The format's name.
    """
    number = seen[_COVERS] or 0
    if number == (noted[f"{form}.{_COVERS}"] or 0):
        return Uncovered(number, [])
    for commit in rows.history():
        if commit.transactions.get(_COVERS) == number and (note := commit.info.get(_COVERS)):
            return Uncovered(number, [_covered(one) for one in json.loads(note)])
    return Uncovered(number, [])  # it is so long ago that the log was shortened: nothing is claimed


def _covered(stored: dict[str, Any]) -> Covered:
    known = (key for key in ("since", "until", "last_ts") if stored.get(key))
    times = {key: datetime.fromisoformat(stored[key]) for key in known}
    return Covered(**{**stored, **times})


@dataclass(frozen=True)
class Replaying:
    """Rejects on their way into their format's table, written down before the first of two commits."""

    format: str
    number: int
    """Names this step; the first commit carries it as a bookmark."""
    file: str
    """The Parquet file in which the rejects stand."""
    places: list[int]
    """Their rows in it, counted from 0."""

    @classmethod
    def begin(cls, lake: Lake, form: str, file: str, places: list[int]) -> "Replaying":
        """Write down a step that is about to be taken."""
        step = cls(form, time.time_ns(), file, places)
        target = _note(lake)
        draft = target.with_suffix(".new")
        try:
            draft.write_text(json.dumps(asdict(step)), encoding="utf-8")
            draft.replace(target)
        except OSError as error:
            raise unwritable(target, error) from None
        return step

    @property
    def marks(self) -> dict[str, int]:
        """The bookmark that the rows of this step are committed with."""
        return {"replay": self.number}


def finish_replay(lake: Lake) -> None:
    """Take away the rejects that have become rows; the caller holds the project's lock.

    A crash after their rows were committed left them, one before that left nothing to do. Whoever writes
    the table of rejects anew calls this first.
    """
    try:
        step = Replaying(**json.loads(_note(lake).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return
    committed = lake.marks(step.format)["replay"] == step.number
    if committed and step.file in lake.files(REJECTS):
        query = (
            f"select * exclude (file_row_number), cast(ts as date) as {DAY} from read_parquet("
            f"{database.literal(step.file)}, file_row_number = true, hive_partitioning = false) "
            f"where file_row_number not in (select unnest({database.literal(step.places)}))"
        )
        with database.connect() as con, lake.writer(REJECTS, REJECT_SCHEMA) as writer:
            for batch in database.batches(con, query):
                writer.write(batch)
            writer.commit({}, replaces=[step.file])
    _note(lake).unlink()


def _note(lake: Lake) -> Path:
    return lake.path / ".replaying.json"
