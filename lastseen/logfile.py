"""A log file to read, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lastseen import coverage


class Ends(Enum):
    """What of a file's end is taken."""

    WHOLE = "whole"
    """All of it: nothing more is written to it."""
    LINES = "lines"
    """Whole lines: the end of the last one may still come."""
    RECORDS = "records"
    """All but the last record, which further lines may continue."""


@dataclass(frozen=True)
class LogFile:
    """One file to read."""

    path: Path
    name: str
    """What rows call it: the path as the user gave it."""
    emitter: str | None = None
    """Whose log it is, where its path or the user says so."""
    unit: tuple[str, int] | None = None
    """The source and the number of what was pulled into the spool; None for a file where its writer has it."""
    line: int = 1
    """Which line of the file that rows name the first one is."""
    ends: Ends = Ends.WHOLE
    repeats: bool = False
    """It may hold events that the lake has: from a window that reaches back into the one before."""


@dataclass
class Result:
    """What became of one file."""

    file: str
    format: str | None = None
    rows: int = 0
    rejects: int = 0
    skipped: int = 0
    """Lines that are no records and no loss: banners, headers, trailers."""
    repeated: int = 0
    """Rows and rejects that the lake had before; they were not added again."""
    since: datetime | None = None
    until: datetime | None = None
    last: datetime | None = None
    """The time of the last row, be it true or not: long before ``until``, the clock went back."""
    doubtful: int = 0
    """Rows whose time is before 2001 or after tomorrow."""
    already: bool = False
    """All of it had been added before."""
    read: bool = False
    """Some of it is in the lake: from now, or from before."""
    held: int = 0
    """Bytes at its end that are no whole record yet; they are read once they are."""
    changed: bool = False
    """It was rotated or truncated while it was read; reading it again will do."""
    no_log: bool = False
    """It holds no text, and will not before its bytes change."""
    problem: str | None = None
    """Why it could not be read, or not to its end."""

    def count(self, ts: Any, now: datetime, fresh: Any = None) -> None:
        """Count rows by their times; a time that cannot be true does not stretch the span.

        Args:
            ts: The times, an Arrow array.
            now: When they are read.
            fresh: Which of them are added, an Arrow array; None where all are. What the lake had before
                stretches the span too, for it was seen to be all there is.
        """
        sound = pc.and_(
            pc.greater_equal(ts, pa.scalar(coverage.EARLIEST, ts.type)),
            pc.less_equal(ts, pa.scalar(now + coverage.AHEAD, ts.type)),
        )
        span = pc.min_max(ts.filter(sound)).as_py()
        self.since = min(filter(None, (self.since, span["min"])), default=None)
        self.until = max(filter(None, (self.until, span["max"])), default=None)
        self.last = _end(ts) or self.last
        if fresh is not None:
            self.repeated += len(ts) - fresh.true_count
            sound = sound.filter(fresh)
        self.rows += len(sound)
        self.doubtful += len(sound) - sound.true_count


def _end(ts: Any) -> datetime | None:
    """Return the last of some times; None where Python's calendar does not reach to it."""
    try:
        found: datetime | None = ts[-1].as_py() if len(ts) else None
    except (OverflowError, ValueError):
        return None
    return found
