"""Rows as text: a table on a terminal, CSV, JSON, Markdown. Log text is hostile; here it is made harmless."""

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lastseen.errors import UserError
from lastseen.period import rfc3339, spell

HARMFUL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
"""Control characters (tab and newline are dealt with apart) and those that turn the direction of text."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""

_ENDLESS = 100_000
"""Columns of a pipe: nothing is folded there, for whoever reads it wants whole lines."""

Rows = Sequence[Mapping[str, Any]]


def harmless(text: str) -> str:
    r"""Show control and bidirectional characters instead of obeying them.

    >>> harmless("\x1b[31mred\u202e")
    '\\x1b[31mred\\u202e'
    """
    return HARMFUL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def plain(value: object) -> Any:
    """Return a value as JSON knows it: times in UTC with microseconds, spans in seconds."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return next((write(value) for kind, write in _PLAIN if isinstance(value, kind)), value)


def _moment(value: datetime) -> str:
    return rfc3339(value) if value.tzinfo else value.isoformat()


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


_PLAIN: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (datetime, _moment),
    (timedelta, timedelta.total_seconds),
    (date, date.isoformat),
    (Decimal, _number),
    (float, lambda value: value if math.isfinite(value) else None),
    (bytes, lambda value: value.decode(errors="backslashreplace")),
)
"""How values are written that JSON does not know; a datetime is a date too, so it comes first."""


def as_json(value: object) -> str:
    """Write JSON for machines, two spaces deep."""
    return json.dumps(plain(value), ensure_ascii=False, indent=2)


def json_rows(rows: Rows) -> Iterator[str]:
    """Yield the lines of one array of objects, a line an object."""
    yield "["
    last = len(rows) - 1
    for number, row in enumerate(rows):
        yield "  " + json.dumps(plain(row), ensure_ascii=False) + ("," if number < last else "")
    yield "]"


def as_csv(columns: Sequence[str], rows: Rows, *, safe: bool) -> str:
    """Write CSV (RFC 4180): the data unaltered, or made harmless to a spreadsheet."""
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow([_guarded(column) for column in columns] if safe else columns)
    for row in rows:
        cells = [plain(row[column]) for column in columns]
        writer.writerow([_guarded(cell) for cell in cells] if safe else cells)
    return out.getvalue()


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def as_markdown(columns: Sequence[str], rows: Rows) -> str:
    """Write a Markdown table."""
    names = [_cell(column).replace("|", chr(92) + "|") for column in columns]
    lines = [f"| {' | '.join(names)} |", f"|{'---|' * len(columns)}"]
    lines += [
        f"| {' | '.join(_cell(row[c]).replace('|', chr(92) + '|') for c in columns)} |"
        for row in rows
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    """Write one value on one line."""
    if value is None:
        return ""
    if isinstance(value, timedelta):
        return spell(value)
    if isinstance(value, datetime) and value.tzinfo:
        text = rfc3339(value)
        return text.replace(".000000Z", "Z")
    text = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
    return harmless(text.replace("\r\n", "\n").replace("\n", " ⏎ ").replace("\t", " "))


def table(columns: Sequence[str], rows: Rows, title: str | None = None) -> None:
    """Print a table on standard output, as wide as the terminal; in a pipe as wide as it needs."""
    width = None if sys.stdout.isatty() else _ENDLESS
    console = Console(file=sys.stdout, highlight=False, width=width)
    shown = Table(
        box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, show_edge=False
    )
    for column in columns:
        numbers = bool(rows) and all(isinstance(row[column], int | float | None) for row in rows)
        firm = numbers or any(isinstance(row[column], datetime | timedelta) for row in rows)
        justify: Literal["left", "right"] = "right" if numbers else "left"
        shown.add_column(Text(column), justify=justify, overflow="fold", no_wrap=firm)
    for row in rows:
        shown.add_row(*(Text(_cell(row[column])) for column in columns))
    console.print(shown)


def parquet(rows: Any) -> None:
    """Write an Arrow table as Parquet to standard output, which must not be a terminal.

    Raises:
        UserError: it is one.
    """
    if sys.stdout.isatty():
        raise UserError(
            "Parquet is not for a terminal; write it to a file: … --format parquet > rows.parquet"
        )
    pq.write_table(rows, pa.PythonFile(sys.stdout.buffer, mode="w"), compression="zstd")
