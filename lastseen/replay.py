"""Reads the rejects again, after their format was mended."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lastseen import database, formats, recovery
from lastseen.accounting import Account
from lastseen.errors import UserError
from lastseen.formats import Format
from lastseen.lake import REJECTS, Lake
from lastseen.project import Project
from lastseen.records import Chunk
from lastseen.recovery import Replaying

_FILE = ("file", "emitter", "zone", "file_time")
"""What a format's query may ask about the file that a reject is from."""

Reject = dict[str, Any]


@dataclass(frozen=True)
class Replayed:
    """What became of one format's rejects."""

    format: str
    rows: int
    """Rows that they are now."""
    rejects: int
    """Those that still are none."""


def replay(project: Project, lake: Lake) -> list[Replayed]:
    """Put rejects that a format can read by now into its table; the caller holds the project's lock."""
    recovery.finish_replay(lake)
    forms = formats.load(project)
    with formats.prepare(project) as con:
        names = _formats(con, lake)
        return [_Replay(con, forms[name], lake).run() for name in names if name in forms]


def _formats(con: duckdb.DuckDBPyConnection, lake: Lake) -> list[str]:
    files = lake.files(REJECTS)
    if not files:
        return []
    query = f"select distinct format from {database.parquet(files)} order by format"
    return [name for (name,) in con.execute(query).fetchall()]


class _Replay:
    """One format's rejects, read again: a file of rejects at a time."""

    def __init__(self, con: duckdb.DuckDBPyConnection, form: Format, lake: Lake) -> None:
        self._con = con
        self._form = form
        self._lake = lake
        self._schema = formats.schema(con, form)

    def run(self) -> Replayed:
        rows = left = 0
        for path in self._lake.files(REJECTS):
            rejects = self._rejects(path)
            accepted: list[int] = []
            with self._lake.writer(self._form.name, self._schema) as writer:
                for group in _readable(rejects):
                    for batch in self._read(group, accepted):
                        rows += batch.num_rows
                        writer.write(batch)
                left += len(rejects) - len(accepted)
                if accepted:
                    step = Replaying.begin(self._lake, self._form.name, path, accepted)
                    writer.commit(step.marks)
            if accepted:
                recovery.finish_replay(self._lake)
        return Replayed(self._form.name, rows, left)

    def _rejects(self, path: str) -> list[Reject]:
        """Return this format's rejects in one Parquet file, each with its place there."""
        query = (
            f"select *, file_row_number as place from read_parquet({database.literal(path)}, "
            f"file_row_number = true, hive_partitioning = false) where text is not null "
            f"and format = {database.literal(self._form.name)} order by {', '.join(_FILE)}, line"
        )
        return list(self._con.sql(query).to_arrow_table().to_pylist())

    def _read(self, rejects: list[Reject], accepted: list[int]) -> list[Any]:
        """Return the rows of rejects of one file; note the places of those that are none any more.

        Raises:
            UserError: the format fails on them.
        """
        formats.describe_file(self._con, **{key: rejects[0][key] for key in _FILE})
        lines = np.array([reject["line"] for reject in rejects], np.int64)
        texts = pa.array([reject["text"] for reject in rejects], pa.string_view())
        account = Account(self._form.name, self._form.skip)
        chunk = account.feed(Chunk(lines, texts))
        self._con.register("raw_records", pa.Table.from_batches(chunk.batches()))
        self._con.execute(formats.RECORDS_VIEW)
        try:
            query = formats.query(self._form)
            taken = [account.take(batch) for batch in database.batches(self._con, query)]
        except duckdb.Error as error:
            place = f"{self._form.source.path}:{self._form.source.query_line}"
            raise UserError(f"{place}: on rejects of {rejects[0]['file']}: {error}") from None
        still = {int(line) for numbers, _, _ in account.settle() for line in numbers}
        accepted += [reject["place"] for reject in rejects if reject["line"] not in still]
        return taken


def _readable(rejects: list[Reject]) -> Iterator[list[Reject]]:
    """Yield rejects in groups that are of one file each, with no line twice: two files may share a name."""
    for _, group in groupby(rejects, key=itemgetter(*_FILE)):
        waiting = list(group)
        while waiting:
            first = {reject["line"]: reject for reject in reversed(waiting)}
            taken = {reject["place"] for reject in first.values()}
            yield [reject for reject in waiting if reject["place"] in taken]
            waiting = [reject for reject in waiting if reject["place"] not in taken]
