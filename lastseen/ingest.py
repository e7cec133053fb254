"""Log files into the lake: each record once, each line accounted for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from io import BufferedIOBase
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lastseen import bookmarks, coverage, database, formats, recovery
from lastseen.accounting import Account
from lastseen.ahead import ahead
from lastseen.bookmarks import Beside, Bookmark, Marks, Over
from lastseen.columns import REJECT_SCHEMA
from lastseen.coverage import Covered
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.gather import gather
from lastseen.lake import COVERAGE, REJECTS, Lake, Writer
from lastseen.logfile import Ends, LogFile, Result
from lastseen.parquet import DAY
from lastseen.records import SCHEMA, Reader
from lastseen.repeats import Repeats
from lastseen.unpack import open_bytes

Progress = Callable[[int], None]
"""Told how many bytes were read by now, unpacked."""
_COMMIT_FILES, _COMMIT_BYTES = 200, 1 << 30
"""A commit holds at most so many files, and about so many bytes of log."""


@dataclass
class _Commit:
    """What becomes one Delta commit of the format's table, with what goes beside it."""

    rows: Writer
    rejects: Writer
    readings: Writer
    seen: Marks
    seen_rejects: Beside
    repeats: Repeats
    marks: dict[str, int] = field(default_factory=dict)
    """How far files will have been read, once this is committed."""
    covered: list[Covered] = field(default_factory=list)
    size: int = 0
    """Bytes of log read for it."""


@dataclass
class _Reading:
    """One file on its way into a commit."""

    commit: _Commit
    result: Result
    known: Mapping[str, Any]
    """What the format's query may ask about the file."""
    account: Account
    kept: int
    """Rejects up to this line are in the lake: from a run that crashed."""
    repeats: Repeats | None
    """Knows what the lake has, where the file may hold some of it."""


class ChangedError(UserError):
    """Another file took a file's name while it was read."""


class _SpoiledError(Exception):
    """A file broke off after some of it had been written, so what is under way cannot be committed."""

    def __init__(self, file: LogFile, why: UserError) -> None:
        super().__init__(str(why))
        self.file = file


class Ingest:
    """Reads files of one format into a lake; its caller holds the project's lock."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, form: Format, lake: Lake, now: datetime
    ) -> None:
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
        failed: dict[LogFile, Result] = {}
        done = 0
        while done < len(files):
            try:
                results = self._some(files[done : done + _COMMIT_FILES], failed, zone, progress)
            except _SpoiledError as spoiled:
                failed[spoiled.file] = self._failed(spoiled.file, spoiled)
                failed[spoiled.file].changed = isinstance(spoiled.__cause__, ChangedError)
                continue
            yield from results
            done += len(results)

    def _some(
        self,
        files: list[LogFile],
        failed: Mapping[LogFile, Result],
        zone: str | None,
        progress: Progress,
    ) -> list[Result]:
        """Commit the first few of these files."""
        results: list[Result] = []
        with (
            self._lake.writer(self._form.name, self._schema) as rows,
            self._lake.writer(REJECTS, REJECT_SCHEMA) as rejects,
            self._lake.writer(COVERAGE, coverage.SCHEMA) as readings,
        ):
            name = self._form.name
            commit = _Commit(
                rows,
                rejects,
                readings,
                rows.marks(),
                Beside(rejects.marks(), name),
                Repeats(self._lake, name, self._form.key, self._schema),
            )
            for file in files:
                results.append(failed.get(file) or self._file(commit, file, zone, progress))
                if commit.size >= _COMMIT_BYTES or commit.repeats.full:
                    break
            self._finish(commit)
        for writer in (rows, rejects, readings):
            if writer.at_checkpoint:
                gather(self._lake, writer.name)
        self._before += commit.size
        return results

    def _failed(self, file: LogFile, why: Exception) -> Result:
        text = str(why)
        problem = text if file.name in text else f"{file.name}: {text}"
        return Result(file.name, self._form.name, problem=f"{problem}; nothing of it was added")

    def _file(self, commit: _Commit, file: LogFile, zone: str | None, progress: Progress) -> Result:
        """Read one file into a commit that is under way.

        Raises:
            _SpoiledError: it broke off, and part of it has been written.
        """
        result = Result(file.name, self._form.name)
        marks = Over(commit.marks, commit.seen)
        opened = partial(open_bytes, file.path)
        try:
            known = self._describe(file, zone)
            bookmark, stream = bookmarks.find(opened, marks, file)
            kept = recovery.rejects_kept(opened, commit.seen_rejects, bookmark, file)
        except UserError as error:
            return self._failed(file, error)
        with stream:
            reader = self._reader(stream, bookmark, file.ends)
            rest = bookmark.lines if bookmark.inside_line else None
            account = Account(self._form.name, self._form.skip, rest)
            repeats = commit.repeats.begin() if file.repeats else None
            reading = _Reading(commit, result, known, account, kept, repeats)
            try:
                self._read(reader, reading, progress)
                _same(file, opened, bookmark.head[: bookmark.size + reader.consumed])
            except UserError as error:
                raise _SpoiledError(file, error) from error
        result.skipped = account.skipped
        result.problem = f"{file.name}: {reader.problem}" if reader.problem else None
        result.read = True
        result.held = reader.held
        result.already = bool(bookmark.size) and not reader.consumed
        commit.size += reader.consumed
        self._cover(commit, file, result)
        if reader.consumed:
            new = bookmarks.marks_for(bookmark, reader, marks, file)
            commit.marks |= new
        return result

    def _reader(self, stream: BufferedIOBase, bookmark: Bookmark, ends: Ends) -> Reader:
        """Return what reads on from a bookmark."""
        record = self._form.record.pattern if self._form.record else None
        line = bookmark.lines + (not bookmark.inside_line)
        return Reader(stream, record, line, bookmark.tail, ends)

    def _describe(self, file: LogFile, zone: str | None) -> dict[str, Any]:
        """Tell the format's query about the file; return that.

        Raises:
            UserError: the file is gone.
        """
        try:
            changed = file.path.stat().st_mtime
        except OSError as error:
            raise UserError(f"{file.name}: cannot be read: {error.strerror}") from None
        known = {
            "file": file.name,
            "emitter": file.emitter,
            "zone": zone or self._form.zone,
            "file_time": datetime.fromtimestamp(changed, UTC),
        }
        formats.describe_file(self._con, **known)
        return known

    def _read(self, reader: Reader, reading: _Reading, progress: Progress) -> None:
        """Run the format's query over a file's records; what is a row goes one way, what is not the other."""
        broken: list[UserError] = []

        def records() -> Iterator[Any]:
            try:
                for chunk in reader.chunks():
                    yield from reading.account.feed(chunk).batches()
                    progress(self._before + reading.commit.size + reader.consumed)
            except UserError as error:  # DuckDB would make it an error of its own
                broken.append(error)

        self._con.register("raw_records", pa.RecordBatchReader.from_batches(SCHEMA, records()))
        self._con.execute(formats.RECORDS_VIEW)
        try:
            with closing(
                ahead(database.batches(self._con, formats.query(self._form)), 2)
            ) as batches:
                for batch in batches:
                    rows = reading.account.take(batch)
                    fresh = pa.array(reading.repeats.fresh(rows)) if reading.repeats else None
                    reading.result.count(rows["ts"], self._now, fresh)
                    reading.commit.rows.write(rows if fresh is None else rows.filter(fresh))
                    self._reject(reading, int(batch["line"][-1].as_py()) if batch.num_rows else 0)
        except duckdb.Error as error:
            why = str(error).partition("\n")[0]
            place = f"{self._form.source.path}:{self._form.source.query_line}"
            raise UserError(f"{place}: on {reading.result.file}: {why}") from None
        if broken:
            raise broken[0]
        self._reject(reading, None)

    def _reject(self, reading: _Reading, upto: int | None) -> None:
        """Keep what turned out to be no row, but for lines that a crashed run kept already."""
        for lines, reasons, texts in reading.account.settle(upto):
            constant = {
                **reading.known,
                "ts": self._now,
                "format": self._form.name,
                DAY: self._now.astimezone(UTC).date(),
            }
            columns = {
                name: pa.repeat(pa.scalar(value, REJECT_SCHEMA.field(name).type), len(lines))
                for name, value in constant.items()
            }
            columns |= {"line": pa.array(lines), "reason": reasons, "text": texts}
            rejects = pa.record_batch(columns)
            fresh = np.ones(len(lines), bool)
            if reading.repeats:
                again = reading.known["file_time"] if reading.kept else None
                fresh = reading.repeats.fresh_rejects(rejects, again)
            reading.result.rejects += int(fresh.sum())
            reading.result.repeated += int((~fresh).sum())
            reading.commit.rejects.write(rejects.filter(pa.array(fresh & (lines > reading.kept))))

    def _cover(self, commit: _Commit, file: LogFile, result: Result) -> None:
        """Note what a reading proves."""
        form = self._form
        if not result.already:
            commit.covered.append(
                Covered(
                    form.name,
                    form.covers,
                    file.emitter,
                    file.name,
                    result.since,
                    result.until,
                    result.rows,
                    result.rejects,
                )
            )

    def _finish(self, commit: _Commit) -> None:
        """Commit rejects, then rows, then coverage: what is claimed as covered is always there."""
        form = self._form.name
        readings = recovery.uncovered(commit.rows, commit.seen, commit.readings.marks(), form)
        if commit.marks:
            readings = readings.and_then(commit.covered)
            commit.rejects.commit(commit.seen_rejects.names(commit.marks))
            commit.rows.commit(commit.marks | readings.marks(), note=readings.note())
        if readings.covered:
            commit.readings.write(coverage.batch(readings.covered, self._now))
            commit.readings.commit(readings.marks(form))


def _same(file: LogFile, opened: Callable[[], BufferedIOBase], head: bytes) -> None:
    """Make sure that a file's name stood for the same bytes all the while it was read.

    Raises:
        UserError: it was rotated or truncated under the reader.
    """
    if file.ends is Ends.WHOLE or not head:
        return
    try:
        with opened() as stream:
            again = stream.read(len(head))
    except UserError:
        again = b""
    if again != head:
        raise ChangedError(f"{file.name}: was rotated or truncated while it was read")
