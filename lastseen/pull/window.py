"""Which span of time a command is asked for, and what it must be told so that nothing is missed."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from os import SEEK_END
from typing import BinaryIO

from lastseen.pull.presets import PRESETS
from lastseen.pull.source import Errand
from lastseen.pull.spool import Note, Spool
from lastseen.sources import Command, Ssh
from lastseen.state import moment, stamp

_PLACE = re.compile(r"\{(?:(since|until)(?::([^{}]*))?|(cursor))\}")
_STEP = 64 << 10
_FAR = 64 << 20
"""Bytes before an output's end in which its last cursor must stand."""


@dataclass(frozen=True)
class Window:
    """What one run of a command is asked for."""

    since: datetime
    """UTC."""
    until: datetime
    """UTC; later than ``since``."""
    cursor: str | None
    """Where the run before this one ended, as the program itself names it."""


def next_window(source: Command | Ssh, spool: Spool, errand: Errand, key: str = "") -> Window:
    """Return the window that follows the last one kept, reaching back into it by the source's overlap.

    The first one looks back as far as the source says, and so does one after the clock was set back: how far
    back it was set is not known, and what comes twice is kept once.

    Args:
        source: Whose command it is.
        spool: Remembers where the last window ended.
        errand: When this one ends.
        key: Tells windows of one source apart: a host's name.
    """
    kept = spool.recall(f"until:{key}")
    furthest = errand.now - source.since
    if kept is None:
        since = furthest
    else:
        last = moment(int(kept))
        since = last - source.overlap
        if errand.now <= last:
            since = min(since, furthest)
    since = min(since, errand.now - timedelta(seconds=1))
    return Window(since, errand.now, spool.recall(f"cursor:{key}"))


def kept(window: Window, key: str = "") -> dict[str, str]:
    """Return what is to be remembered, in the step that keeps the output, for the next window."""
    found = {f"until:{key}": str(stamp(window.until))}
    return found if window.cursor is None else {**found, f"cursor:{key}": window.cursor}


def words(source: Command | Ssh, window: Window) -> list[str]:
    """Return the program and its arguments, a window filled in.

    ``{since}`` and ``{until}`` are RFC 3339 in UTC, rounded outwards to whole seconds; ``{since:FORMAT}`` is
    written as strftime would, in UTC. An argument with ``{cursor}`` is left out while there is none. Other
    braces are the user's own.
    """
    given = source.command
    if source.preset:
        preset = PRESETS[source.preset]
        given = preset.again if window.cursor and preset.again else preset.words
    return [
        _PLACE.sub(lambda found: _filled(found, window), word)
        for word in given
        if window.cursor or "{cursor}" not in word
    ]


def _filled(found: re.Match[str], window: Window) -> str:
    """Return what stands in for one place."""
    which, form, _ = found.groups()
    if which is None:
        return window.cursor or ""
    when = window.since if which == "since" else window.until
    return _whole(when, up=which == "until").strftime(form or "%Y-%m-%dT%H:%M:%SZ")


def _whole(when: datetime, *, up: bool) -> datetime:
    """Return a moment in whole seconds, UTC, rounded down or up."""
    down = when.astimezone(UTC).replace(microsecond=0)
    return down + timedelta(seconds=up and when.microsecond > 0)


def note(source: Command | Ssh, name: str, emitter: str | None) -> Note:
    """Return what is known of a command's output.

    Args:
        source: Whose command it is.
        name: What rows call the output; the same for each run, so that a line that comes twice is known.
        emitter: Whose log it is.
    """
    known = PRESETS[source.preset].format if source.preset else None
    return Note(name, source.format or known, emitter, source.zone)


def wants_cursor(source: Command | Ssh) -> bool:
    """Say whether the command is told where its last run ended."""
    preset = PRESETS[source.preset] if source.preset else None
    given = preset.again or preset.words if preset else source.command
    return any("{cursor}" in word for word in given)


def last_cursor(output: BinaryIO) -> str | None:
    """Return the ``__CURSOR`` of the last JSON object that has one, where each line is one.

    Args:
        output: All that a run printed; it is left at its end.
    """
    for line in _backwards(output):
        if b'"__CURSOR"' not in line:
            continue
        try:
            cursor = json.loads(line.lstrip(b"\x1e")).get("__CURSOR")
        except (ValueError, AttributeError):
            continue
        if isinstance(cursor, str):
            output.seek(0, SEEK_END)
            return cursor
    output.seek(0, SEEK_END)
    return None


def _backwards(output: BinaryIO) -> Iterator[bytes]:
    """Yield lines from the last on, as long as they lie near the end."""
    place = output.seek(0, SEEK_END)
    least = max(0, place - _FAR)
    parts: list[bytes] = []
    while place > least:
        size = min(_STEP, place - least)
        place -= size
        output.seek(place)
        first, *lines = output.read(size).split(b"\n")
        if not lines:
            parts.append(first)
            continue
        yield b"".join([lines.pop(), *reversed(parts)])
        yield from reversed(lines)
        parts = [first]
    if place == 0:
        yield b"".join(reversed(parts))
