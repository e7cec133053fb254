"""Columns as Delta holds them, and those of the rejects."""

from typing import Any

import pyarrow as pa

from lastseen.errors import UserError
from lastseen.parquet import DAY

REJECT_SCHEMA = pa.schema([
    ("ts", pa.timestamp("us", "UTC")),
    ("format", pa.string()),
    ("file", pa.string()),
    ("line", pa.int64()),
    ("reason", pa.string()),
    ("text", pa.string()),
    ("emitter", pa.string()),
    ("zone", pa.string()),
    ("file_time", pa.timestamp("us", "UTC")),
    (DAY, pa.date32()),
])  # fmt: skip
"""The table of rejects: ``ts`` is when; the last three are what `replay` needs to read the text again."""

_TYPES = {pa.string_view(): pa.string(), pa.large_string(): pa.string(), pa.null(): pa.string()}


def delta_schema(schema: Any) -> Any:
    """Return a schema in the types that Delta has.

    Raises:
        UserError: a column's type has no place in Delta.
    """
    columns = []
    for column in schema:
        kind = _TYPES.get(column.type, column.type)
        if (
            pa.types.is_unsigned_integer(kind)
            or pa.types.is_time(kind)
            or pa.types.is_interval(kind)
        ):
            raise UserError(
                f'column "{column.name}" is {kind}, which Delta cannot hold; cast it in the format'
            )
        columns.append(pa.field(column.name, kind))
    return pa.schema(columns)


def agree(table: str, old: Any, new: Any) -> None:
    """Refuse a column whose type changed.

    Raises:
        UserError: naming the format, the column and both types.
    """
    for column in new:
        at = old.get_field_index(column.name)
        if at >= 0 and old.field(at).type != column.type:
            raise UserError(
                f'format {table}: column "{column.name}" is {column.type}, but the lake holds {old.field(at).type}; '
                "give the column another name, or move the table's folder away and add the files again"
            )
