"""Reads the rejects again, after their format was mended."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from lastseen import database, formats
from lastseen.accounting import Account
from lastseen.formats import Format
from lastseen.lake import REJECT_SCHEMA, REJECTS, Lake
from lastseen.parquet import DAY
from lastseen.project import Project
from lastseen.records import Chunk

_MARK = "replay"
_SELECT = "select * from read_parquet({files}, union_by_name = true, hive_partitioning = false)"


@dataclass(frozen=True)
class Replayed:
    """What became of one format's rejects."""

    format: str
    rows: int
    """Rows that they are now."""
    rejects: int
    """Those that still are none."""


def replay(project: Project, lake: Lake, now: datetime) -> list[Replayed]:
    """Put rejects that a format can read by now into its table; the caller holds the project's lock.

    The rows of a format and a mark that names the version of the rejects are one commit, so a crash before
    the rejects are taken away repeats nothing.
    """
    table = lake.table(REJECTS)
    files = lake.files(REJECTS)
    if table is None or not files:
        return []
    forms = formats.load(project)
    done: list[Replayed] = []
    accepted: list[dict[str, Any]] = []
    with formats.prepare(project) as con:
        query = _SELECT.format(files=database.literal(files))
        rejects = (
            con.sql(f"{query} where text is not null order by format, file, line")
            .to_arrow_table()
            .to_pylist()
        )
        for name, group in groupby(rejects, key=itemgetter("format")):
            lines = list(group)
            if name in forms:
                run = _Replay(con, forms[name], lake, table.version())
                done.append(run.read(lines))
                accepted += run.accepted
        _keep_rest(con, lake, query, files, accepted, now)
    return done


class _Replay:
    """One format's rejects, read again file by file."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, form: Format, lake: Lake, version: int
    ) -> None:
        self._con = con
        self._form = form
        self._lake = lake
        self._version = version
        self._schema = formats.schema(con, form)
        self.accepted: list[dict[str, Any]] = []

    def read(self, rejects: list[dict[str, Any]]) -> Replayed:
        before = self._lake.marks(self._form.name)[_MARK] == self._version
        rows = 0
        with self._lake.writer(self._form.name, self._schema) as writer:
            for _, group in groupby(rejects, key=itemgetter("file", "emitter")):
                for batch in self._file(list(group)):
                    rows += batch.num_rows
                    if not before:
                        writer.write(batch)
            if rows and not before:
                writer.commit({_MARK: self._version})
        return Replayed(self._form.name, rows, len(rejects) - len(self.accepted))

    def _file(self, rejects: list[dict[str, Any]]) -> list[Any]:
        known = {key: rejects[0][key] for key in ("file", "emitter", "zone", "file_time")}
        formats.describe_file(self._con, **known)
        lines = np.array([row["line"] for row in rejects], np.int64)
        texts = pa.array([row["text"] for row in rejects], pa.string_view())
        account = Account(self._form.name, None)
        chunk = account.feed(Chunk(lines, texts))
        self._con.register("raw_records", pa.Table.from_batches(chunk.batches()))
        self._con.execute(formats.RECORDS_VIEW)
        taken = [
            account.take(batch)
            for batch in self._con.sql(formats.query(self._form)).to_arrow_reader()
        ]
        still = {int(line) for numbers, _, _ in account.settle() for line in numbers}
        self.accepted += [row for row in rejects if row["line"] not in still]
        return taken


def _keep_rest(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    query: str,
    files: list[str],
    accepted: list[dict[str, Any]],
    now: datetime,
) -> None:
    """Write the rejects without those accepted in place of all there were."""
    if not accepted:
        return
    keys = {key: [row[key] for row in accepted] for key in ("format", "file", "line")}
    con.register("accepted", pa.table(keys))
    rest = f"select *, cast(ts as date) as {DAY} from ({query}) anti join accepted using (format, file, line)"
    with lake.writer(REJECTS, REJECT_SCHEMA) as writer:
        for batch in con.sql(rest).to_arrow_reader():
            writer.write(batch)
        writer.commit({"replayed": int(now.timestamp())}, replaces=files)
