"""Rows to Parquet files, one day a file, in bounded memory."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DAY = "day"
"""The partition column: the UTC date of ``ts``. It stands in a file's path, not in the file."""
ROW_GROUP = 65_536
FULL = 512 << 20
"""Bytes of Arrow data after which a day goes on in a new file."""
OPEN = 64
"""Files open at a time; a day that comes again later goes on in a new one."""
HELD = 96 << 20
"""Bytes of Arrow data that wait to be written, over all days."""


@dataclass(frozen=True)
class Part:
    """One finished Parquet file."""

    path: str
    """Relative to the table, as Delta wants it."""
    day: str
    size: int
    written: int
    """Milliseconds since 1970, UTC."""
    stats: str
    """Delta's statistics: rows, and the least and greatest ``ts``."""


@dataclass
class _Day:
    """One day's file while it is written."""

    path: str
    waiting: list[Any] = field(default_factory=list)
    bytes: int = 0
    written: int = 0
    rows: int = 0
    first: Any = None
    last: Any = None
    file: pq.ParquetWriter | None = None


class PartWriter:
    """Takes batches in arrival order and leaves one Parquet file a day below a table's folder."""

    def __init__(self, root: Path, schema: Any) -> None:
        self._root = root
        self._schema = pa.schema([column for column in schema if column.name != DAY])
        self._days: dict[str, _Day] = {}
        self._parts: list[Part] = []
        self._held = 0

    def write(self, batch: Any) -> None:
        """Take a batch that has the table's columns and ``day``."""
        for day, rows in _by_day(batch):
            state = self._days.setdefault(str(day), self._new(str(day)))
            state.waiting.append(rows)
            state.rows += rows.num_rows
            state.bytes += rows.nbytes
            self._held += rows.nbytes
            if sum(map(len, state.waiting)) >= ROW_GROUP:
                self._flush(state)
            if state.written > FULL:
                self._finish(self._days.pop(str(day)), str(day))
        while self._held > HELD:
            self._flush(max(self._days.values(), key=lambda state: state.bytes))

    def close(self) -> list[Part]:
        """Finish every file and return them."""
        for day in list(self._days):
            self._finish(self._days.pop(day), day)
        return self._parts

    def discard(self) -> None:
        """Take back what was written; nothing of it was committed."""
        for state in self._days.values():
            if state.file:
                state.file.close()
        for path in [part.path for part in self._parts] + [
            state.path for state in self._days.values()
        ]:
            (self._root / path).unlink(missing_ok=True)
        self._days, self._parts = {}, []

    def _new(self, day: str) -> _Day:
        """Name a day's file so that files sort as they came."""
        return _Day(f"{DAY}={day}/part-{time.time_ns():020}-{uuid.uuid4()}.zstd.parquet")

    def _make_room(self) -> None:
        """Finish the file that has been open longest where too many are."""
        opened = [day for day, state in self._days.items() if state.file]
        if len(opened) >= OPEN:
            self._finish(self._days.pop(opened[0]), opened[0])

    def _flush(self, state: _Day) -> None:
        """Write what waits of one day as a row group."""
        table = pa.Table.from_batches(state.waiting)
        if state.file is None:
            self._make_room()
            target = self._root / state.path
            target.parent.mkdir(parents=True, exist_ok=True)
            state.file = pq.ParquetWriter(target, self._schema, **_encoding(self._schema))
        state.file.write_table(table, row_group_size=ROW_GROUP)
        span = pc.min_max(table["ts"]).as_py()
        state.first = min(filter(None, (state.first, span["min"])), default=None)
        state.last = max(filter(None, (state.last, span["max"])), default=None)
        self._held -= state.bytes
        state.written += state.bytes
        state.waiting, state.bytes = [], 0

    def _finish(self, state: _Day, day: str) -> None:
        if state.waiting:
            self._flush(state)
        if state.file is None:
            return
        state.file.close()
        stats = {
            "numRecords": state.rows,
            "minValues": {"ts": _delta_time(state.first)},
            "maxValues": {"ts": _delta_time(state.last)},
            "nullCount": {"ts": 0},
        }
        size = (self._root / state.path).stat().st_size
        self._parts.append(Part(state.path, day, size, int(time.time() * 1000), json.dumps(stats)))


def _by_day(batch: Any) -> Iterator[tuple[date, Any]]:
    """Yield the batch's rows day by day, in order within each."""
    days = batch.column(DAY)
    rows = batch.drop_columns([DAY])
    if not batch.num_rows:
        return
    span = pc.min_max(days).as_py()
    if span["min"] == span["max"]:
        yield span["min"], rows
        return
    numbers = days.cast(pa.int32()).to_numpy()
    order = np.argsort(numbers, kind="stable")
    found, starts = np.unique(numbers[order], return_index=True)
    sorted_rows = rows.take(pa.array(order))
    for number, start, end in zip(found, starts, [*starts[1:], len(order)], strict=True):
        day = pa.scalar(int(number), pa.int32()).cast(pa.date32()).as_py()
        yield day, sorted_rows.slice(int(start), int(end - start))


def _encoding(schema: Any) -> dict[str, Any]:
    """Return how columns are written: growing numbers as differences, fractions byte by byte, words once each."""
    growing = [c.name for c in schema if c.name == "line" or pa.types.is_timestamp(c.type)]
    fractions = [c.name for c in schema if pa.types.is_floating(c.type)]
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [
            c.name
            for c in schema
            if c.name not in growing + fractions and not pa.types.is_nested(c.type)
        ],
        "column_encoding": dict.fromkeys(growing, "DELTA_BINARY_PACKED")
        | dict.fromkeys(fractions, "BYTE_STREAM_SPLIT"),
        "write_statistics": ["ts", "host"],  # what questions are about; the rest would cost a tenth
        "version": "2.6",
        "data_page_size": 1 << 20,
    }


def _delta_time(moment: Any) -> str | None:
    """Write a time as Delta's statistics do."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
