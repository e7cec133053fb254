"""Opens DuckDB: in memory, UTC, bounded. The only place that connects."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

MEMORY = "256MB"
ROWS = 16_384
"""Rows that leave DuckDB at a time."""


def connect(memory: str = MEMORY) -> duckdb.DuckDBPyConnection:
    """Return an in-memory database in UTC that keeps the order of rows and spills instead of growing."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": True,
        "arrow_large_buffer_size": False,
    }
    con = duckdb.connect(":memory:", config=config)
    con.execute("set timezone = 'UTC'")
    return con


def literal(value: object) -> str:
    """Write a value as a SQL literal.

    >>> literal("it's"), literal(None), literal(timedelta(minutes=5))
    ("'it''s'", 'NULL', 'INTERVAL 300.0 SECONDS')
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).upper() if isinstance(value, bool) else str(value)
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.astimezone(UTC).isoformat(sep=' ')}'"
    if isinstance(value, timedelta):
        return f"INTERVAL {value.total_seconds()} SECONDS"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    return "'" + str(value).replace("'", "''") + "'"


def parquet(files: list[str]) -> str:
    """Return what reads Parquet files of one table, of which the older may lack columns."""
    return f"read_parquet({literal(files)}, union_by_name = true, hive_partitioning = false)"


def name(identifier: str) -> str:
    """Quote a table's or column's name."""
    return '"' + identifier.replace('"', '""') + '"'


def set_variables(con: duckdb.DuckDBPyConnection, values: Mapping[str, object]) -> None:
    """Set what queries read with ``getvariable``."""
    for key, value in values.items():
        con.execute(f"set variable {name(key)} = {literal(value)}")


def lock_down(con: duckdb.DuckDBPyConnection, readable: list[str], temp: Path) -> None:
    """Take from a connection all that reaches outside: only the files named can be read, nothing written.

    Settings cannot be changed any more, so there is no way back. What is over the memory limit may
    spill into ``temp``.
    """
    con.execute(f"set temp_directory = {literal(str(temp))}")
    con.execute(f"set allowed_paths = {literal(readable)}")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def batches(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[Any]:
    """Yield what a query returns as Arrow record batches.

    Raises:
        duckdb.Error: it does not bind, or fails on the way; then Arrow hides whose error it is.
    """
    reader = con.sql(query).to_arrow_reader(ROWS)
    try:
        yield from reader
    except (OSError, pa.ArrowException) as error:
        raise duckdb.Error(str(error)) from None


def one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """Return the one row of a query that always has one."""
    row = con.execute(query).fetchone()
    if row is None:
        raise LookupError(query)
    return row


def rows(table: Any) -> list[dict[str, Any]]:
    """Return an Arrow table's rows; what SQL calls an interval is a span of time."""
    return [{key: _span(value) for key, value in row.items()} for row in table.to_pylist()]


def _span(value: Any) -> Any:
    """Make a span of an interval; its months count 30 days, as DuckDB counts them."""
    if isinstance(value, pa.MonthDayNano):
        days = value.months * 30 + value.days
        return timedelta(days=days, microseconds=value.nanoseconds // 1000)
    return value
