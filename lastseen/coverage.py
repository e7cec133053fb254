"""For which host, log and time span we hold data: the only ground on which silence may be claimed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from lastseen.parquet import DAY

_TIME = pa.timestamp("us", "UTC")
SCHEMA = pa.schema([
    ("ts", _TIME),
    ("format", pa.string()),
    ("covers", pa.string()),
    ("emitter", pa.string()),
    ("file", pa.string()),
    ("since", _TIME),
    ("until", _TIME),
    ("rows", pa.int64()),
    ("rejects", pa.int64()),
    ("last_ts", _TIME),
    (DAY, pa.date32()),
])  # fmt: skip
"""One row for each reading of a file. ``covers`` is ``fleet`` or ``host``, see a format's header.
``last_ts`` is the time of its last row: long before ``until``, the clock of who wrote it went back.
"""

EARLIEST = datetime(2001, 1, 2, tzinfo=UTC)
"""Fleet writes "never" as a date before this; no log of the systems read here is older."""
AHEAD = timedelta(days=1)
"""A clock may be this far ahead of ours before a time is not believed."""


@dataclass(frozen=True)
class Covered:
    """What one reading of one file proves."""

    format: str
    covers: str
    emitter: str | None
    file: str
    since: datetime | None
    until: datetime | None
    rows: int
    rejects: int
    last_ts: datetime | None = None


def batch(covered: list[Covered], now: datetime) -> Any:
    """Return readings as rows, recorded at a moment."""
    rows = [
        {
            **{name: getattr(one, name) for name in SCHEMA.names[1:-1]},
            "ts": now,
            DAY: now.astimezone(UTC).date(),
        }
        for one in covered
    ]
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
