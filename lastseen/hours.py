"""Hours of the week in which something is expected: "Mon-Fri 08:00-18:00 Europe/Berlin"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lastseen.errors import UserError
from lastseen.oncalendar import weekday
from lastseen.period import zone

Span = tuple[datetime, datetime]
_SPAN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)")
_DAY = 24 * 60
_WEEK = 7


@dataclass(frozen=True)
class Hours:
    """Spans of the days of a week."""

    line: str
    """As it was written, without its zone."""
    zone: str
    """The zone whose clock is meant."""
    spans: tuple[tuple[int, int, int], ...]
    """The day, Monday being 0, the minute of it that begins, and the minute that ends; over midnight it is later."""


def hours(text: str, elsewhere: str = "UTC") -> Hours:
    """Read hours: days, one or more spans of each, then other days; a zone behind it all.

    Args:
        text: Without days a span is every day's; one that ends before it begins goes on past midnight.
        elsewhere: The zone of hours that name none.

    >>> hours("Sat,Sun 09:00-12:00 22:00-06:00").spans
    ((5, 540, 720), (5, 1320, 1800), (6, 540, 720), (6, 1320, 1800))

    Raises:
        UserError: these are no hours.
    """
    words = text.split()
    named = elsewhere
    if words and words[-1][0].isalpha() and _days(words[-1]) is None:
        named = zone(words.pop())
    days: set[int] = set()
    found: set[tuple[int, int, int]] = set()
    told = False
    for word in (part for one in words for part in re.split(r"[,;]", one) if part):
        named_days = _days(word)
        if named_days is not None:
            days, told = (named_days if told else days | named_days), False
        else:
            begin, end = _span(text, word)
            found |= {(day, begin, end) for day in days or range(_WEEK)}
            told = True
    if not told:
        raise _wrong(text)
    return Hours(" ".join(words), named, tuple(sorted(found)))


def spans(expected: Hours, since: datetime, until: datetime) -> list[Span]:
    """Return when these hours are, between two moments, in UTC; none overlaps or touches another.

    A time of day that its zone skips in spring is as long after midnight as ever; one that comes twice in autumn is
    the first.
    """
    there = ZoneInfo(expected.zone)
    first, last = since.astimezone(there).date(), until.astimezone(there).date()
    dates = (first + timedelta(days=number - 1) for number in range((last - first).days + 3))
    found: list[Span] = []
    for begin, end in sorted(span for day in dates for span in _of_day(expected, there, day)):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return [(begin, end) for begin, end in found if begin < until and end > since]


def _of_day(expected: Hours, there: ZoneInfo, day: date) -> Iterator[Span]:
    for number, first, last in expected.spans:
        begin, end = _moment(there, day, first), _moment(there, day, last)
        if number == day.weekday() and begin < end:
            yield begin, end


def _moment(there: ZoneInfo, day: date, minute: int) -> datetime:
    later, minute = divmod(minute, _DAY)
    clock = time(minute // 60, minute % 60)
    return datetime.combine(day + timedelta(days=later), clock, there).astimezone(UTC)


def _wrong(text: str) -> UserError:
    return UserError(
        f'"{text}" are no hours; write "always" or "Mon-Fri 08:00-18:00 Europe/Berlin"'
    )


def _days(text: str) -> set[int] | None:
    """Return the days of a list with ranges, which may go past Sunday; None where a word is no day."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.replace("..", "-").partition("-")
        begin, end = weekday(first), weekday(last or first)
        if begin is None or end is None:
            return None
        found |= {(begin + more) % _WEEK for more in range((end - begin) % _WEEK + 1)}
    return found


def _span(text: str, word: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(word)
    if not match:
        raise _wrong(text)
    begin = int(match[1]) * 60 + int(match[2])
    end = int(match[3]) * 60 + int(match[4]) if match[3] else _DAY
    if begin == end:
        raise _wrong(text)
    return begin, end if end > begin else end + _DAY
