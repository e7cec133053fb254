"""What lastseen.toml may say of any source, and what kinds of sources check alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from lastseen.errors import UserError
from lastseen.period import Cron
from lastseen.rhythm import following

Problems = Iterator[tuple[str, str]]
"""A key, and what is wrong with it."""
LEAST = timedelta(seconds=10)
"""A source is asked no more often than this: starting to ask takes a second."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where logs come from; what every kind has."""

    kind: ClassVar[str]
    places: ClassVar[tuple[str, ...]] = ()
    """The keys that name files and folders of this machine; the settings put the project before them."""
    name: str
    format: str | None = None
    """The format of all it brings; left out, it is found by each file's name and first lines."""
    host: str | None = None
    """Whose logs these are, where nothing nearer says so."""
    zone: str | None = None
    """The zone of times that carry none."""
    every: timedelta | Cron = timedelta(minutes=5)
    timeout: timedelta = timedelta(minutes=2)
    """How long one attempt may take: a request, a connection, a command."""
    deadline: timedelta = timedelta(minutes=30)
    """How long all of a pull may take; what came until then is kept."""
    retries: int = 3
    """How often an attempt that failed is made again, each time after a longer pause."""

    @property
    def repeats(self) -> bool:
        """What it brings may hold events that it has brought before."""
        return False

    def problems(self) -> Problems:
        """Yield what is wrong with it beyond each key by itself."""
        if isinstance(self.every, timedelta) and self.every < LEAST:
            yield "every", f"every must be at least {int(LEAST.total_seconds())} seconds"
        if isinstance(self.every, Cron) and self._never(self.every):
            yield "every", f'every never comes: no month has the days of "{self.every.line}"'
        if not 0 <= self.retries <= 100:  # noqa: PLR2004 - more would outlast any deadline
            yield "retries", "retries must be from 0 to 100"
        for key, value in vars(self).items():
            if (isinstance(value, tuple) and "" in value) or (value == "" and key not in _NEEDED):
                yield key, f"{key} must not hold an empty text; leave it out"

    @staticmethod
    def _never(rhythm: Cron) -> bool:
        """Say whether a cron line names the 30th of February; others need no look at the calendar."""
        limits_days = not rhythm.line.split()[2].startswith("*")
        return limits_days and following(rhythm, datetime(2026, 1, 1, tzinfo=UTC)) is None


_NEEDED = ("url", "path")
"""Keys that are empty where they are missing, which their kind says better."""
PRESETS = ("unified_log", "journald")


def either(command: tuple[str, ...], preset: str | None) -> Problems:
    """Yield what is wrong with a command and a preset of which one must be given."""
    if bool(command) == bool(preset):
        yield "command", 'say either command = ["program", "argument"] or preset = "unified_log"'
    if preset is not None and preset not in PRESETS:
        yield "preset", f"there is no preset '{preset}'; known are {', '.join(PRESETS)}"


def unless_read(key: str, read: Callable[[str], object], text: str) -> Problems:
    """Yield why a text cannot be read."""
    try:
        read(text)
    except UserError as error:
        yield key, f"{key}: {error}"


def one_host(key: str, value: str) -> Problems:
    """Yield what is wrong with a path that names the host twice."""
    if value.count("{host}") > 1:
        yield key, f"{key} may hold {{host}} once"
