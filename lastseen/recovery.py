"""What a run that crashed between its commits left undone, and the next run makes good.

A reading is three commits: its rejects, its rows, its coverage. The bookmark of the rows is the one that
counts; the other two tables keep copies of it, and a copy that differs tells where the run ended.
"""

from collections.abc import Callable
from io import BufferedIOBase
from typing import Any

import duckdb

from lastseen import bookmarks, coverage, database
from lastseen.bookmarks import Beside, Bookmark
from lastseen.coverage import Covered
from lastseen.formats import Format
from lastseen.lake import REJECTS, Lake


def rejects_kept(
    opened: Callable[[], BufferedIOBase], marks: Beside, bookmark: Bookmark, emitter: str | None
) -> int:
    """Return up to which line a file's rejects are in the lake although its rows are not.

    Args:
        opened: Opens the file, unpacked, at its beginning.
        marks: The format's marks in the table of rejects.
        bookmark: How far its rows are there.
        emitter: Whose log it is.
    """
    if bookmark.key and marks[f"{bookmark.key}.bytes"] == bookmark.size:
        return 0
    kept, stream = bookmarks.find(opened, marks, emitter)
    with stream:
        if kept.size <= bookmark.size:
            return 0
        grown = kept.inside_line and bool(stream.read(1))
    return kept.lines - grown


class Uncovered:
    """Finds readings whose rows are in the lake and whose coverage is not."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, lake: Lake, form: Format, marks: Beside
    ) -> None:
        self._con = con
        self._lake = lake
        self._form = form
        self._marks = marks

    def reading(self, bookmark: Bookmark, file: str, emitter: str | None) -> Covered | None:
        """Return what was read of a file and never noted as covered; None where all was.

        Args:
            bookmark: How far its rows are there.
            file: The file's name; rows that it gave under another name are not found.
            emitter: Whose log it is.
        """
        if not bookmark.key or self._marks[f"{bookmark.key}.bytes"] == bookmark.size:
            return None
        after = self._marks[f"{bookmark.key}.lines"] or 0
        lines = f"line > {after} and line <= {bookmark.lines}"
        mine = f"file = {database.literal(file)} and {lines}"
        sound = (
            f"ts >= {database.literal(coverage.EARLIEST)} and ts <= now() + "
            f"{database.literal(coverage.AHEAD)}"
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
            emitter,
            file,
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
