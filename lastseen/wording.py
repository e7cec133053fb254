"""How a report says moments, spans, numbers and names."""

import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from lastseen.period import spell
from lastseen.terminal import harmless

_LONGEST = 400
"""Characters of a log message that a table shows; the rest is in the lake."""


def clock(when: datetime | None, now: datetime) -> str:
    """Say when, as briefly as the distance allows; in UTC.

    >>> now = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
    >>> clock(datetime(2026, 3, 10, 9, 13, tzinfo=UTC), now), clock(datetime(2026, 3, 9, 22, tzinfo=UTC), now)
    ('09:13', '9 Mar 22:00')
    >>> clock(datetime(2025, 12, 31, 22, tzinfo=UTC), now), clock(None, now)
    ('31 Dec 2025', 'an unknown time')
    """
    if when is None:
        return "an unknown time"
    when, now = when.astimezone(UTC), now.astimezone(UTC)
    if when.date() == now.date():
        return f"{when:%H:%M}"
    if when.year == now.year:
        return f"{when.day} {when:%b %H:%M}"
    return f"{when.day} {when:%b %Y}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Say how many.

    >>> count(1, "host"), count(1200, "host"), count(2, "is", "are")
    ('1 host', '1,200 hosts', '2 are')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def cell(value: object, now: datetime | None = None) -> str:
    r"""Write a value for a table: on one line, and of a length that can be read.

    With a moment to look from, times say no more of their day than is needed.

    >>> cell(datetime(2026, 3, 10, 9, 13, 2, tzinfo=UTC)), cell(None), cell(["a", "b"]), cell("1\n2")
    ('2026-03-10 09:13:02', '', 'a, b', '1 ⏎ 2')
    """
    if isinstance(value, datetime):
        return _time(value.astimezone(UTC) if value.tzinfo else value, now)
    if isinstance(value, list | tuple):
        return ", ".join(cell(inner, now) for inner in value)
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            return write(value)
    return shortened(
        harmless(str(value).replace("\r\n", "\n").replace("\n", " ⏎ ").replace("\t", " "))
    )


_WRITERS: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (type(None), lambda _: ""),
    (date, date.isoformat),
    (timedelta, spell),
    (bool, lambda value: "yes" if value else "no"),
    (float | Decimal, lambda value: f"{value:,.6g}"),
)


def _time(when: datetime, now: datetime | None) -> str:
    if now is None or when.year != now.year:
        return f"{when:%Y-%m-%d %H:%M:%S}"
    return f"{when:%H:%M:%S}" if when.date() == now.date() else f"{when.day} {when:%b %H:%M:%S}"


def shortened(text: str, most: int = _LONGEST) -> str:
    """Cut a text that is too long to read, and say so.

    >>> shortened("abcdef", 3)
    'abc… (3 more)'
    """
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more)"


def wrap(text: str, indent: int = 0, width: int = 72) -> str:
    r"""Break a paragraph into lines for a terminal; lines after the first are indented.

    >>> wrap("one two three", 2, 8)
    'one two\n  three'
    """
    return textwrap.fill(
        " ".join(str(text).split()), width, subsequent_indent=" " * indent, break_on_hyphens=False
    )
