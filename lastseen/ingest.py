"""Log files into the lake: each record once, each line accounted for."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import duckdb

from lastseen import bookmarks, coverage, formats, opening, recovery
from lastseen.bookmarks import Beside, Marks, Over
from lastseen.columns import REJECT_SCHEMA
from lastseen.coverage import Covered
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.gather import gather
from lastseen.lake import COVERAGE, REJECTS, Lake, Writer
from lastseen.logfile import LogFile, Result
from lastseen.opening import Begun, ChangedError, Known
from lastseen.reading import BrokenFileError, Query

if TYPE_CHECKING:
    from lastseen.repeats import Repeats

Progress = Callable[[int], None]
"""Told how many bytes were read by now, unpacked."""
Failed = Callable[[LogFile, Result], None]
_COMMIT_FILES, _COMMIT_BYTES = 200, 1 << 30
"""A commit holds at most so many files, and about so many bytes of log."""
_BATCH_BYTES = 64 << 20
"""Files up to this size together are read by one run of a query, for starting one takes as long as a megabyte."""


@dataclass
class _Commit:
    """What becomes one Delta commit of the format's table, with what goes beside it."""

    rows: Writer
    rejects: Writer
    readings: Writer
    seen: Marks
    seen_rejects: Beside
    repeats: "Repeats | None"
    marks: dict[str, int] = field(default_factory=dict)
    """How far files will have been read, once this is committed."""
    covered: list[Covered] = field(default_factory=list)
    size: int = 0
    """Bytes of log read for it."""


class _SpoiledError(Exception):
    """A file broke off after some of it had been written, so what is under way cannot be committed."""

    def __init__(self, file: LogFile, why: UserError) -> None:
        super().__init__(str(why))
        self.file = file


class _AgainError(Exception):
    """One of several files broke off; which one is found by reading each by itself."""


class Ingest:
    """Reads files of one format into a lake; its caller holds the project's lock."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        form: Format,
        lake: Lake,
        now: datetime,
        failed: Failed = lambda file, result: None,  # noqa: ARG005
    ) -> None:
        """Prepare.

        Args:
            con: Where the query runs.
            form: The format.
            lake: Where the rows go.
            now: When they are read, UTC.
            failed: Told of a file that cannot be read, before anything that lies behind it is committed.
        """
        self._told_failed = failed
        self._con = con
        self._form = form
        self._lake = lake
        self._now = now
        self._schema = formats.schema(con, form)
        self._query = Query(con, form, now)
        self._before = 0
        self._apart: set[LogFile] = set()
        """Files that are read by themselves, though others of the format are read together."""

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
                changed = isinstance(spoiled.__cause__, ChangedError)
                failed[spoiled.file] = self._failed(spoiled.file, spoiled, changed=changed)
                continue
            except _AgainError:
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
                self._repeats() if any(file.repeats for file in files) else None,
            )
            told = partial(self._report, progress, commit)
            while len(results) < len(files):
                rest = files[len(results) :]
                if rest[0] in failed:
                    results.append(failed[rest[0]])
                    continue
                results += self._next(commit, rest, failed, zone, told)
                full = commit.repeats is not None and commit.repeats.full
                if commit.size >= _COMMIT_BYTES or full:
                    break
            self._finish(commit)
        for writer in (rows, rejects, readings):
            if writer.at_checkpoint:
                gather(self._lake, writer.name)
        self._before += commit.size
        return results

    def _repeats(self) -> "Repeats":
        """Return what knows the events that the lake has; its library takes a sixth of a second to load."""
        from lastseen.repeats import Repeats  # noqa: PLC0415 - for files that repeat events alone

        return Repeats(self._lake, self._form.name, self._form.key, self._schema)

    def _report(self, progress: Progress, commit: _Commit, read: int) -> None:
        progress(self._before + commit.size + read)

    def _failed(self, file: LogFile, why: Exception, *, changed: bool = False) -> Result:
        text = str(why)
        problem = text if file.name in text else f"{file.name}: {text}"
        problem = f"{problem}; nothing of it was added"
        result = Result(file.name, self._form.name, problem=problem, changed=changed)
        self._told_failed(file, result)
        return result

    def _next(
        self,
        commit: _Commit,
        files: Sequence[LogFile],
        failed: Container[LogFile],
        zone: str | None,
        progress: Progress,
    ) -> list[Result]:
        """Read the first few of these files into a commit that is under way, by one run of the query.

        Raises:
            _SpoiledError: one broke off, and part of it has been written.
        """
        with ExitStack() as open_files:
            begun = self._begin_some(commit, files, failed, zone, open_files)
            mine = [one for one in begun if isinstance(one, Begun)]
            try:
                self._query.run(
                    [one.reading for one in mine], commit.rows, commit.rejects, progress
                )
            except BrokenFileError as error:
                if not error.certain:
                    self._apart |= {one.file for one in mine}
                    raise _AgainError from error
                raise _SpoiledError(mine[error.place].file, error.why) from error.why
            for one in mine:
                try:
                    opening.same(one)
                except UserError as error:
                    raise _SpoiledError(one.file, error) from error
            return [self._end(commit, one) if isinstance(one, Begun) else one for one in begun]

    def _begin_some(
        self,
        commit: _Commit,
        files: Sequence[LogFile],
        failed: Container[LogFile],
        zone: str | None,
        open_files: ExitStack,
    ) -> list[Begun | Result]:
        """Open files that go through the query together: small ones, where it allows that, and no two alike."""
        begun: list[Begun | Result] = []
        known = Known(
            self._form, Over(commit.marks, commit.seen), commit.seen_rejects, commit.repeats
        )
        size, last_alone = 0, False
        for file in files:
            size += _size(file)
            alone = file in self._apart or not self._query.together
            if begun and (file in failed or size > _BATCH_BYTES or alone or last_alone):
                break
            last_alone = alone
            try:
                one = opening.begin(file, zone, known, open_files)
            except UserError as error:
                begun.append(self._failed(file, error))
                continue
            if any(isinstance(other, Begun) and opening.alike(one, other) for other in begun):
                break  # how far the other was read is only known once it was
            begun.append(one)
        return begun

    def _end(self, commit: _Commit, done: Begun) -> Result:
        """Note in the commit how far a file was read."""
        result, reader, bookmark = done.reading.result, done.reading.reader, done.bookmark
        result.skipped = done.reading.account.skipped
        result.problem = f"{done.file.name}: {reader.problem}" if reader.problem else None
        result.read = True
        result.held = reader.held
        result.already = bool(bookmark.size) and not reader.consumed
        commit.size += reader.consumed
        self._cover(commit, done.file, result)
        if reader.consumed:
            marks = Over(commit.marks, commit.seen)
            new = bookmarks.marks_for(bookmark, reader, marks, done.file)
            commit.marks |= new
        return result

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
                    result.last,
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


def _size(file: LogFile) -> int:
    try:
        return file.path.stat().st_size
    except OSError:
        return 0
