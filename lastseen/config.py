"""TOML into frozen dataclasses: every key known, every value of its type, every problem with its line."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from lastseen import heartbeat, period
from lastseen.errors import Problem, UserError
from lastseen.hours import hours
from lastseen.period import Cron

T = TypeVar("T")
_HEADER = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+")
_KEY = re.compile(r"""\s*["']?([\w.-]+)["']?\s*=""")
_PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^."'\s]+))\s*\.?""")

ZONE = "zone"
"""The type of text that names a time zone."""
CALENDAR = "calendar"
"""The type of text that is a cron line or a calendar as systemd has it."""
HOURS = "hours"
"""The type of text that names hours of the week."""
PERIOD = "period"
"""The type of a span, or the word learned."""
PAUSE = "pause"
"""The type of true, false or a day."""
Place = tuple[str, ...]
"""A section and, last, a key of it."""


class Reader:
    """Reads values and collects all that is wrong on the way."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self.folder = path.parent.absolute()
        """What relative paths in the file are relative to."""
        self._lines = _places(text.splitlines())
        self.problems: list[Problem] = []
        self._wrong: set[Place] = set()

    def sound(self, place: Place) -> bool:
        """Say whether nothing is wrong with a key so far."""
        return place not in self._wrong

    def problem(self, place: Place, what: str) -> None:
        """Note what is wrong, at the line of a key, else of its section."""
        self._wrong.add(place)
        known = (place[:size] for size in range(len(place), 0, -1))
        line = next((self._lines[one] for one in known if one in self._lines), 0)
        self.problems.append(Problem(self._path, line, what))

    def known(
        self, section: Place, values: Mapping[str, object], known: Sequence[str], what: str
    ) -> None:
        """Note the keys that nobody knows, each with the nearest right one."""
        for key in values:
            if key not in known:
                self.problem((*section, key), f"unknown {what} '{key}'; {nearest(key, known)}")

    def table(self, section: Place, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the section of a name, the last of ``section``; an empty one where there is none."""
        value = values.get(section[-1], {})
        if isinstance(value, dict):
            return value
        shown = ".".join(part if re.fullmatch(r"\w+", part) else f'"{part}"' for part in section)
        shown = re.sub(r'^(policy\.host)\.(?!")(.+)', r'\1."\2"', shown)
        self.problem(section, f"[{shown}] must be a section")
        return {}

    def read(self, kind: type[T], section: Place, values: Mapping[str, Any], **given: Any) -> T:
        """Make a dataclass of a section; a value that is wrong is noted, and its default stands in."""
        hints = get_type_hints(kind)
        names = [f.name for f in fields(kind) if f.name not in given]  # type: ignore[arg-type]
        self.known(section, values, names, f"key of [{'.'.join(section)}]")
        found = {
            key: value
            for key in names
            if key in values
            and (value := self.value((*section, key), hints[key], values[key])) is not None
        }
        return kind(**given, **found)

    def value(self, place: Place, hint: Any, value: Any) -> Any:
        """Return a value as its type; None, with a problem noted, where it is of another."""
        convert = _CONVERTERS[hint]
        try:
            return convert(value)
        except UserError as error:
            self.problem(place, str(error))
        except TypeError as error:
            self.problem(place, f"{place[-1]} must be {error}")
        return None


def nearest(word: str, known: Sequence[str]) -> str:
    """Say which known word was probably meant, else which there are.

    >>> nearest("fiels", ["files", "ssh"]), nearest("x", ["files", "ssh"])
    ("did you mean 'files'?", 'known are files, ssh')
    """
    near = get_close_matches(word, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"


def _places(lines: Sequence[str]) -> dict[Place, int]:
    """Return the line, counted from 1, of each section and of each key in it."""
    found: dict[Place, int] = {}
    section: Place = ()
    for number, line in enumerate(lines, 1):
        if header := _HEADER.match(line):
            section = tuple(_parts(header[1]))
            for size in range(1, len(section) + 1):
                found.setdefault(section[:size], number)
        elif key := _KEY.match(line):
            place = (*section, *_parts(key[1]))
            found.setdefault(place, number)
            inner = re.findall(r"""[{,]\s*["']?([\w-]+)["']?\s*=""", line)
            found |= {(*place, name): number for name in inner if (*place, name) not in found}
    return found


def _parts(dotted: str) -> Iterator[str]:
    return (a or b or c for a, b, c in _PART.findall(dotted))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _sound(value: object, read: Callable[[str], object]) -> str:
    """Return a text that can be read; it is read again where it is needed."""
    text = _text(value)
    read(text)
    return text


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("a whole number")
    return value


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("true or false")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise TypeError('a list of texts, ["one", "two"]')
    return tuple(value)


def _plain(value: object) -> Mapping[str, str | int | bool]:
    if not isinstance(value, dict) or not all(
        isinstance(v, str | int | bool) for v in value.values()
    ):
        raise TypeError('a table of plain values, { name = "value" }')
    return value


_CONVERTERS: Mapping[Any, Callable[[Any], Any]] = {
    ZONE: lambda value: period.zone(_text(value)),
    CALENDAR: lambda value: _sound(value, heartbeat.calendar),
    HOURS: lambda value: value if value == heartbeat.ALWAYS else _sound(value, hours),
    PERIOD: heartbeat.span,
    PAUSE: heartbeat.paused,
    str: _text,
    str | None: _text,
    int: _whole,
    bool: _truth,
    tuple[str, ...]: _texts,
    Mapping[str, str | int | bool]: _plain,
    timedelta: lambda value: period.period(str(value)),
    timedelta | None: lambda value: period.period(str(value)),
    timedelta | Cron: lambda value: period.every(str(value)),
    timedelta | Cron | None: lambda value: period.every(str(value)),
}
