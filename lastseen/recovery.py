"""What a run that crashed between its commits left undone, and the next run makes good.

A reading is three commits: its rejects, its rows, its coverage. The bookmark of the rows is the one that
counts; the other two tables keep copies of it, and a copy that differs tells where the run ended.
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

import duckdb

from lastseen import bookmarks, coverage, database
from lastseen.bookmarks import Beside, Bookmark
from lastseen.columns import REJECT_SCHEMA
from lastseen.coverage import Covered
from lastseen.formats import Format
from lastseen.lake import REJECTS, Lake, unwritable
from lastseen.logfile import LogFile
from lastseen.parquet import DAY


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


class Uncovered:
    """Finds readings whose rows are in the lake and whose coverage is not."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        lake: Lake,
        form: Format,
        marks: Beside,
        now: datetime,
    ) -> None:
        self._con = con
        self._lake = lake
        self._form = form
        self._marks = marks
        self._now = now

    def reading(self, bookmark: Bookmark, file: LogFile) -> Covered | None:
        """Return what was read of a file and never noted as covered; None where all was.

        Args:
            bookmark: How far its rows are there.
            file: The file; rows that it gave under another name are not found.
        """
        if not bookmark.key or bookmark.noted(self._marks):
            return None
        if file.unit:
            lines = f"line >= {file.line}"
        else:
            after = self._marks[f"{bookmark.key}.lines"] or 0
            lines = f"line > {after} and line <= {bookmark.lines}"
        mine = f"file = {database.literal(file.name)} and {lines}"
        sound = (
            f"ts >= {database.literal(coverage.EARLIEST)} and "
            f"ts <= {database.literal(self._now + coverage.AHEAD)}"
        )
        span = f"min(ts) filter ({sound}) as since, max(ts) filter ({sound}) as until"
        rows = self._one(self._form.name, f"select {span}, count(*) as found", mine)
        rejected = f"{mine} and format = {database.literal(self._form.name)}"
        rejects = self._one(REJECTS, "select count(*) as found", rejected)
        if not rows.get("found"):
            return None
        return Covered(
            self._form.name,
            self._form.covers,
            file.emitter,
            file.name,
            rows["since"],
            rows["until"],
            rows["found"],
            rejects.get("found", 0),
        )

    def _one(self, table: str, select: str, where: str) -> dict[str, Any]:
        """Return the one row of a question to a table; nothing where the table has no files."""
        files = self._lake.files(table)
        if not files:
            return {}
        query = f"{select} from {database.parquet(files)} where {where}"
        (row,) = self._con.sql(query).to_arrow_table().to_pylist()
        return dict(row)


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
