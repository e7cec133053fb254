"""Makes one file of a day's many small ones, so that a table written every minute stays quick to open."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lastseen import recovery
from lastseen.lake import Lake, damaged
from lastseen.parquet import DAY

_MANY = 24
"""Small files of one day that are worth making one."""
_SMALL = 4 << 20
"""Bytes; a larger file is not written again, so a day's rows are written only a few times."""
_ROWS = 16_384
"""Rows that are held at a time."""


def ordered_mark(day: date) -> str:
    """Return the bookmark that says of how many files a day was when it had been put in order."""
    return f"tidy.{day}"


def day_of(path: str) -> date:
    """Return the day whose rows a Parquet file of a table holds."""
    return date.fromisoformat(Path(path).parent.name.removeprefix(f"{DAY}="))


def gather(lake: Lake, name: str) -> None:
    """Write a table's small files of each day anew as one, in one commit; the caller holds the project's lock.

    What is replaced stays on the disk for readers that have it in their list, until the lake is tidied.

    Raises:
        UserError: what is there cannot be read (exit code 4).
    """
    recovery.finish_replay(lake)
    small = _small(lake, name)
    if not small:
        return
    replaced = [path for paths in small.values() for path in paths]
    with lake.writer(name, lake.partitioned_schema(name)) as writer:
        for day, paths in small.items():
            for batch in _batches(lake.path / name, paths, writer.schema, day):
                writer.write(batch)
        writer.commit({ordered_mark(day): 0 for day in small}, replaces=replaced)


def _small(lake: Lake, name: str) -> dict[date, list[str]]:
    days: dict[date, list[str]] = defaultdict(list)
    for path in lake.files(name):
        if Path(path).stat().st_size < _SMALL:
            days[day_of(path)].append(path)
    return {day: paths for day, paths in days.items() if len(paths) >= _MANY}


def _batches(root: Path, paths: Iterable[str], schema: Any, day: date) -> Iterator[Any]:
    """Yield the rows of files in their order; what an older file has no column for is null."""
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_ROWS):
                    columns = {
                        column.name: batch[column.name].cast(column.type)
                        if column.name in batch.schema.names
                        else pa.nulls(batch.num_rows, column.type)
                        for column in schema
                        if column.name != DAY
                    }
                    columns[DAY] = pa.repeat(pa.scalar(day, pa.date32()), batch.num_rows)
                    yield pa.record_batch(columns).select(schema.names)
        except (OSError, pa.ArrowException) as error:
            raise damaged(root, f"{path}: {error}") from None
