"""What every kind of source gets to work with, and what it gives back."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from lastseen.logfile import LogFile
from lastseen.source import Source

Told = Callable[[int, int], None]
"""Told of progress: how many of how many hosts, objects or pages are done; 0 in all where nobody knows."""


@dataclass(frozen=True)
class Errand:
    """One pull of one source: until when, and whom to tell."""

    now: datetime
    """When it began, UTC."""
    until: float
    """When it must end, as ``time.monotonic`` counts."""
    stopped: Callable[[], bool] = lambda: False
    """Says whether to end as soon as what was begun is whole."""
    told: Told = lambda done, whole: None  # noqa: ARG005

    @property
    def left(self) -> float:
        """Seconds that are left; none or fewer once it is over."""
        return self.until - time.monotonic()

    @property
    def over(self) -> bool:
        """Nothing new is to be begun."""
        return self.stopped() or self.left <= 0


@dataclass
class Outcome:
    """How a pull went; all that it fetched is in the spool."""

    files: list[LogFile] = field(default_factory=list)
    """Logs to read where they are; they are not in the spool."""
    signs: dict[str, str] = field(default_factory=dict)
    """By the file's name, what tells that a file read to its end has not changed since."""
    problems: list[str] = field(default_factory=list)
    """What failed, a sentence each; the rest was done."""
    notes: list[str] = field(default_factory=list)
    """What the user should know of though nothing failed: a part that this token may not ask for, a sentence each."""
    wanted: int = 0
    """Hosts or objects that were asked for, where that can be counted."""
    skipped: int = 0
    """Files that are no logs, binary ones for the most part, and were left out."""
    absent: list[str] = field(default_factory=list)
    """Hosts that could not be reached. That is no failure: nothing is known of them for this time."""


def begin(source: Source, now: datetime, stopped: Callable[[], bool], told: Told) -> Errand:
    """Return the errand of a source that begins now."""
    return Errand(now, time.monotonic() + source.deadline.total_seconds(), stopped, told)


def pauses(source: Source, chance: random.Random, longest: float = 60.0) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt: half as random, twice as long each time.

    >>> from lastseen.sources import Files
    >>> [round(pause, 1) for pause in pauses(Files(name="x", retries=3), random.Random(1))]
    [0.6, 1.8, 3.5]
    """
    for attempt in range(source.retries):
        whole = min(longest, 2.0**attempt)
        yield whole / 2 + chance.random() * whole / 2
