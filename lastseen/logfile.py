"""A log file to read, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lastseen import coverage


@dataclass(frozen=True)
class LogFile:
    """One file to read."""

    path: Path
    name: str
    """What rows call it: the path as the user gave it."""
    emitter: str | None = None
    """Whose log it is, where its path or the user says so."""


@dataclass
class Result:
    """What became of one file."""

    file: str
    format: str | None = None
    rows: int = 0
    rejects: int = 0
    skipped: int = 0
    """Lines that are no records and no loss: banners, headers, trailers."""
    since: datetime | None = None
    until: datetime | None = None
    doubtful: int = 0
    """Rows whose time is before 2001 or after tomorrow."""
    already: bool = False
    """All of it had been added before."""
    read: bool = False
    """Some of it is in the lake: from now, or from before."""
    problem: str | None = None
    """Why it could not be read, or not to its end."""

    def count(self, ts: Any, now: datetime) -> None:
        """Count rows by their times; a time that cannot be true does not stretch the span."""
        self.rows += len(ts)
        sound = pc.and_(
            pc.greater_equal(ts, pa.scalar(coverage.EARLIEST, ts.type)),
            pc.less_equal(ts, pa.scalar(now + coverage.AHEAD, ts.type)),
        )
        self.doubtful += len(ts) - (pc.sum(sound).as_py() or 0)
        span = pc.min_max(ts.filter(sound)).as_py()
        self.since = min(filter(None, (self.since, span["min"])), default=None)
        self.until = max(filter(None, (self.until, span["max"])), default=None)
