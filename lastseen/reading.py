"""A format's query over the records of files: what is a row goes one way, what is not the other."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from lastseen import database, formats
from lastseen.accounting import Account
from lastseen.ahead import ahead
from lastseen.columns import REJECT_SCHEMA
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.lake import Writer
from lastseen.logfile import Result
from lastseen.parquet import DAY
from lastseen.records import SCHEMA, Reader

if TYPE_CHECKING:
    from lastseen.repeats import Repeats

_APART = 40
"""Bits by which the lines of files that are read together are told apart: 2 to the 40th lines each."""
_OF_FILE = pa.schema([("file", pa.string_view()), ("emitter", pa.string_view()), *SCHEMA])
_OWN = re.compile(r"\bfile_time\b|getvariable\('(?:file|emitter|file_time)'\)")
"""What a query asks of one file, where several are not told apart."""


@dataclass
class Reading:
    """One file on its way through the query."""

    reader: Reader
    account: Account
    known: Mapping[str, Any]
    """What the query may ask about the file: file, emitter, zone, file_time."""
    result: Result
    kept: int
    """Rejects up to this line are in the lake: from a run that crashed."""
    repeats: "Repeats | None"
    """Knows what the lake has, where the file may hold some of it."""


class BrokenFileError(Exception):
    """A file could not be read to its end, or its format's query not be run on it."""

    def __init__(self, place: int, why: UserError, *, certain: bool = True) -> None:
        super().__init__(str(why))
        self.certain = certain
        """It was that one, and no other."""
        self.place = place
        """Which of the files it was, counted from 0; of a query, one of them: the stream runs ahead of its rows."""
        self.why = why


class Query:
    """A format's query, ready to run."""

    def __init__(self, con: duckdb.DuckDBPyConnection, form: Format, now: datetime) -> None:
        self._con = con
        self._form = form
        self._now = now
        self.together = not _asks_of_file(con, form.source.query)
        """Several files may go through it at once."""

    def run(
        self,
        readings: Sequence[Reading],
        rows: Writer,
        rejects: Writer,
        progress: Callable[[int], None],
    ) -> None:
        """Read files to their ends, one after the other.

        Args:
            readings: The files; where the query is not for several, one.
            rows: Takes the rows.
            rejects: Takes what turned out to be none.
            progress: Told how many bytes were read of these files.

        Raises:
            BrokenFileError: one cannot be read.
        """
        if not readings:
            return
        formats.describe_file(self._con, **readings[0].known)
        broken: list[BrokenFileError] = []
        stream = _Stream(readings, broken, progress)
        self._con.register("raw_records", stream.arrow())
        self._con.execute(formats.RECORDS_VIEW if len(readings) == 1 else _VIEW)
        query = self._ordered()
        sorter = _Sorter(readings, rows, rejects, self._form, self._now)
        try:
            with closing(ahead(database.batches(self._con, query), 2)) as batches:
                for batch in batches:
                    sorter.take(batch)
        except duckdb.Error as error:
            raise self._failed(error, readings, stream.place) from None
        except UserError as error:
            raise BrokenFileError(sorter.place, error) from error
        if broken:
            raise broken[0]
        sorter.end()

    def _ordered(self) -> str:
        """Return the query; what joins or sorts gives rows in any order, and these are put in theirs again."""
        query = formats.query(self._form)
        ((_, plan),) = self._con.execute(f"explain {query}").fetchall()
        return f"from ({query}) order by line" if _SHUFFLES.search(plan) else query

    def _failed(
        self, error: duckdb.Error, readings: Sequence[Reading], place: int
    ) -> BrokenFileError:
        """Say where the query failed, and on which file."""
        why = str(error).partition("\n")[0]
        where = f"{self._form.source.path}:{self._form.source.query_line}"
        failure = UserError(f"{where}: on {readings[place].result.file}: {why}")
        return BrokenFileError(place, failure, certain=len(readings) == 1)


_SHUFFLES = re.compile(r"─ [A-Za-z ]*(?:Join|Aggregate|Group By|Order By|Union|Product)\b")
"""Steps of a plan that rows do not come out of in the order in which they went in."""
_VIEW = "create or replace temp view records as select file, emitter, line, text from raw_records"


def _asks_of_file(con: duckdb.DuckDBPyConnection, query: str) -> bool:
    """Say whether a query, or a macro that it uses, asks something of the one file that is read."""
    macros = con.execute(
        "select function_name, macro_definition from duckdb_functions() "
        "where function_type = 'macro' and not internal"
    ).fetchall()
    texts, known = [query], dict(macros)
    seen: set[str] = set()
    while texts:
        text = texts.pop()
        if _OWN.search(text):
            return True
        used = {name for name in known if re.search(rf"\b{name}\(", text)} - seen
        seen |= used
        texts += [known[name] for name in used]
    return False


class _Stream:
    """The records of files as one stream; DuckDB reads it from a thread of its own."""

    def __init__(
        self,
        readings: Sequence[Reading],
        broken: list[BrokenFileError],
        progress: Callable[[int], None],
    ) -> None:
        self._readings = readings
        self._broken = broken
        self._progress = progress
        self.place = 0
        """The file that is being read."""

    def arrow(self) -> Any:
        """Return it as Arrow."""
        schema = SCHEMA if len(self._readings) == 1 else _OF_FILE
        return pa.RecordBatchReader.from_batches(schema, self._batches())

    def _batches(self) -> Iterator[Any]:
        done = 0
        for place, reading in enumerate(self._readings):
            self.place = place
            try:
                for chunk in reading.reader.chunks():
                    for batch in reading.account.feed(chunk).batches():
                        yield batch if len(self._readings) == 1 else self._marked(batch, reading)
                    self._progress(done + reading.reader.consumed)
            except UserError as error:  # DuckDB would make it an error of its own
                self._broken.append(BrokenFileError(self.place, error))
                return
            done += reading.reader.consumed

    def _marked(self, batch: Any, reading: Reading) -> Any:
        """Return records with their file's name and with lines that tell files apart."""
        lines = batch["line"].to_numpy() + (self.place << _APART)
        names = [
            pa.repeat(pa.scalar(reading.known[key], pa.string_view()), batch.num_rows)
            for key in ("file", "emitter")
        ]
        return pa.record_batch([*names, pa.array(lines), batch["text"]], schema=_OF_FILE)


class _Sorter:
    """Takes what comes out of the query, and brings it file by file to where it belongs."""

    def __init__(
        self,
        readings: Sequence[Reading],
        rows: Writer,
        rejects: Writer,
        form: Format,
        now: datetime,
    ) -> None:
        self._readings = readings
        self._rows = rows
        self._rejects = rejects
        self._form = form
        self._now = now
        self.place = 0
        """The file whose rows come now."""
        self._begin()

    def take(self, batch: Any) -> None:
        """Take rows of one file or of several."""
        if len(self._readings) == 1:
            self._take(batch)
            return
        lines = batch["line"].to_numpy(zero_copy_only=False)
        places = lines >> _APART
        cuts = [0, *(np.flatnonzero(np.diff(places)) + 1).tolist(), len(places)]
        column = batch.schema.get_field_index("line")
        own = pa.array(lines & ((1 << _APART) - 1))
        plain = batch.set_column(column, batch.schema.field(column), own)
        for start, end in pairwise(cuts):
            if start < end:
                self._upto(int(places[start]))
                self._take(plain.slice(start, end - start))

    def end(self) -> None:
        """Settle what is left, once all rows have come."""
        self._upto(len(self._readings))

    def _upto(self, place: int) -> None:
        """Settle the files before one."""
        while self.place < place:
            self._settle(None)
            self.place += 1
            if self.place < len(self._readings):
                self._begin()

    def _begin(self) -> None:
        if repeats := self._readings[self.place].repeats:
            repeats.begin()

    def _take(self, batch: Any) -> None:
        reading = self._readings[self.place]
        rows = reading.account.take(batch)
        fresh = pa.array(reading.repeats.fresh(rows)) if reading.repeats else None
        reading.result.count(rows["ts"], self._now, fresh)
        self._rows.write(rows if fresh is None else rows.filter(fresh))
        self._settle(int(batch["line"][-1].as_py()) if batch.num_rows else 0)

    def _settle(self, upto: int | None) -> None:
        """Keep what turned out to be no row, but for lines that a crashed run kept already."""
        reading = self._readings[self.place]
        for lines, reasons, texts in reading.account.settle(upto):
            rejects = self._rejected(reading, lines, reasons, texts)
            fresh = np.ones(len(lines), bool)
            if reading.repeats:
                again = reading.known["file_time"] if reading.kept else None
                fresh = reading.repeats.fresh_rejects(rejects, again)
            reading.result.rejects += int(fresh.sum())
            reading.result.repeated += int((~fresh).sum())
            self._rejects.write(rejects.filter(pa.array(fresh & (lines > reading.kept))))

    def _rejected(self, reading: Reading, lines: Any, reasons: Any, texts: Any) -> Any:
        """Return rejects as rows of their table."""
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
        return pa.record_batch(
            columns | {"line": pa.array(lines), "reason": reasons, "text": texts}
        )
