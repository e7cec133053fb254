"""Log files into the lake: each record once, each line accounted for."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from lastseen import bookmarks, coverage, formats
from lastseen.ahead import ahead
from lastseen.accounting import REJECT_SCHEMA, Account
from lastseen.bookmarks import Bookmark, Marks
from lastseen.coverage import Covered
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.lake import COVERAGE, REJECTS, Lake, Writer
from lastseen.parquet import DAY
from lastseen.records import SCHEMA, Reader, open_bytes

Progress = Callable[[int], None]
"""Told how many bytes were read by now, unpacked."""
_OUT = 65_536
"""Rows that leave DuckDB at a time."""
_COMMIT_FILES, _COMMIT_BYTES = 200, 1 << 30
"""A commit holds at most so many files, and about so many bytes of log."""


@dataclass(frozen=True)
class LogFile:
    """One file to read."""

    path: Path
    name: str
    """What rows call it: the path as the user gave it."""
    emitter: str | None = None
    """Whose log it is, where its path or the user says so."""


@dataclass
class Result:
    """What became of one file."""

    file: str
    format: str | None = None
    rows: int = 0
    rejects: int = 0
    skipped: int = 0
    """Lines that are no records and no loss: banners, headers, trailers."""
    since: datetime | None = None
    until: datetime | None = None
    doubtful: int = 0
    """Rows whose time is before 2001 or after tomorrow."""
    already: bool = False
    """All of it had been added before."""
    problem: str | None = None
    """Why it could not be read, or not to its end."""

    def count(self, ts: Any, now: datetime) -> None:  # noqa: ANN401 - pyarrow ships no types
        """Count rows by their times; a time that cannot be true does not stretch the span."""
        self.rows += len(ts)
        sound = pc.and_(
            pc.greater_equal(ts, pa.scalar(coverage.EARLIEST, ts.type)),
            pc.less_equal(ts, pa.scalar(now + coverage.AHEAD, ts.type)),
        )
        self.doubtful += len(ts) - (pc.sum(sound).as_py() or 0)
        span = pc.min_max(ts.filter(sound)).as_py()
        self.since = min(filter(None, (self.since, span["min"])), default=None)
        self.until = max(filter(None, (self.until, span["max"])), default=None)


@dataclass
class _Commit:
    """What becomes one Delta commit of the format's table, with what goes beside it."""

    rows: Writer
    rejects: Writer
    seen: Marks
    seen_rejects: Marks
    marks: dict[str, int] = field(default_factory=dict)
    covered: list[Covered] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    bytes: int = 0


class Ingest:
    """Reads files of one format into a lake; its caller holds the project's lock."""

    def __init__(self, con: duckdb.DuckDBPyConnection, form: Format, lake: Lake, now: datetime) -> None:
        self._con = con
        self._form = form
        self._lake = lake
        self._now = now
        self._schema = formats.schema(con, form)
        self._before = 0

    def add(self, files: list[LogFile], zone: str | None, progress: Progress) -> Iterator[Result]:
        """Read what is new in files, a commit for every few of them.

        Args:
            files: They are read in this order.
            zone: The zone of times without one; None is the format's.
            progress: Told of bytes as they are read.

        Yields:
            What became of each, once it is committed. A file that cannot be read is a result with a
            problem, not an error.

        Raises:
            UserError: the format or the lake is at fault.
        """
        waiting = deque(files)
        while waiting:
            with (
                self._lake.writer(self._form.name, self._schema) as rows,
                self._lake.writer(REJECTS, REJECT_SCHEMA) as rejects,
            ):
                marks, reject_marks = self._lake.marks(self._form.name), self._lake.marks(REJECTS)
                commit = _Commit(rows, rejects, marks, reject_marks)
                while waiting and len(commit.results) < _COMMIT_FILES and commit.bytes < _COMMIT_BYTES:
                    commit.results.append(self._file(commit, waiting.popleft(), zone, progress))
                self._finish(commit)
                self._before += commit.bytes
            yield from commit.results

    def _file(self, commit: _Commit, file: LogFile, zone: str | None, progress: Progress) -> Result:
        """Read one file into a commit that is under way."""
        result = Result(file.name, self._form.name)
        try:
            marks = _Both(commit.marks, commit.seen)
            bookmark, stream = bookmarks.find(lambda: open_bytes(file.path), marks, file.emitter)
            with stream:
                record = self._form.record.pattern if self._form.record else None
                line = bookmark.lines + (not bookmark.inside_line)
                reader = Reader(stream, record, line, bookmark.tail)
                self._read(commit, reader, bookmark, result, self._describe(file, zone), progress)
        except UserError as error:
            result.problem = str(error)
            return result
        result.problem = reader.problem
        result.already = bool(bookmark.bytes) and not reader.consumed
        commit.bytes += reader.consumed
        new = bookmarks.marks_for(bookmark, reader.consumed, reader.line - 1, reader.tail, marks, file.emitter)
        if reader.consumed:
            commit.marks |= new
        self._cover(commit, file, new, result)
        return result

    def _describe(self, file: LogFile, zone: str | None) -> dict[str, Any]:
        """Tell the format's query about the file; return that."""
        known = {
            "file": file.name,
            "emitter": file.emitter,
            "zone": zone or self._form.zone,
            "file_time": datetime.fromtimestamp(file.path.stat().st_mtime, UTC),
        }
        formats.describe_file(self._con, **known)
        return known

    def _read(
        self,
        commit: _Commit,
        reader: Reader,
        bookmark: Bookmark,
        result: Result,
        known: dict[str, Any],
        progress: Progress,
    ) -> None:
        """Run the format's query over a file's records; what is a row goes one way, what is not the other."""
        rest = bookmark.lines if bookmark.inside_line else None
        account = Account(self._form.name, self._form.skip, rest)
        past = (commit.seen_rejects[f"{self._form.name}.{bookmark.key}.lines"] or 0) if bookmark.key else 0
        reject = partial(self._reject, commit, result, account, known, past)

        def records() -> Iterator[Any]:
            for chunk in reader.chunks():
                yield from account.feed(chunk).batches()
                progress(self._before + commit.bytes + reader.consumed)

        self._con.register("raw_records", pa.RecordBatchReader.from_batches(SCHEMA, records()))
        self._con.execute(formats.RECORDS_VIEW)
        try:
            for batch in ahead(iter(self._con.sql(formats.query(self._form)).to_arrow_reader(_OUT)), 2):
                rows = account.take(batch)
                result.count(rows["ts"], self._now)
                commit.rows.write(rows)
                upto = int(batch["line"][-1].as_py()) if batch.num_rows else 0
                reject(upto)
        except duckdb.Error as error:
            raise UserError(f"{self._form.source.path}: on {result.file}: {error}") from None
        reject(None)
        result.skipped = account.skipped

    def _reject(
        self, commit: _Commit, result: Result, account: Account, known: dict[str, Any], past: int, upto: int | None
    ) -> None:
        """Keep what turned out to be no row, but for lines that a crashed run kept already."""
        for lines, reasons, texts in account.settle(upto):
            result.rejects += len(lines)
            new = pa.array(lines > past)
            constant = {**known, "ts": self._now, "format": self._form.name, DAY: self._now.date()}
            columns = {
                name: pa.repeat(pa.scalar(value, REJECT_SCHEMA.field(name).type), len(lines))
                for name, value in constant.items()
            }
            columns |= {"line": pa.array(lines), "reason": reasons, "text": texts}
            commit.rejects.write(pa.record_batch(columns).filter(new))

    def _cover(self, commit: _Commit, file: LogFile, marks: dict[str, int], result: Result) -> None:
        """Note what a reading proves, unless that was noted before."""
        if not marks:
            return
        form = self._form
        commit.covered.append(
            Covered(form.name, form.covers, file.emitter, file.name, result.since, result.until, result.rows, result.rejects)
        )

    def _finish(self, commit: _Commit) -> None:
        """Commit rejects, then rows, then coverage: what is claimed as covered is always there."""
        if not commit.marks:
            return
        named = {f"{self._form.name}.{key}": value for key, value in commit.marks.items()}
        commit.rejects.commit(named)
        commit.rows.commit(commit.marks)
        with self._lake.writer(COVERAGE, coverage.SCHEMA) as writer:
            writer.write(coverage.batch(commit.covered, self._now))
            writer.commit(named)


@dataclass(frozen=True)
class _Both:
    """Bookmarks of a commit under way over those of the table: one file may be named twice."""

    new: dict[str, int]
    old: Marks

    def __getitem__(self, mark: str) -> int | None:
        return self.new.get(mark, self.old[mark])
