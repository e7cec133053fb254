"""Moments as a systemd timer's OnCalendar= has them: "Mon..Fri *-*-* 02:00 Europe/Berlin"."""

import re
from dataclasses import dataclass

from lastseen.errors import UserError
from lastseen.period import zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of the week, Monday first; also the first letters of their long names."""
_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTHANDS = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
_BOUNDS = {
    "year": (1970, 2199), "month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59),
    "second": (0, 59),
}  # fmt: skip
_DATE = re.compile(r"(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)")
_TIME = re.compile(r"([^:]+):([^:]+)(?::([^:]+))?")
_PART = re.compile(r"(\d+)(?:\.\.(\d+))?(?:/(\d+))?")


@dataclass(frozen=True)
class OnCalendar:
    """Moments by the calendar, as systemd.time(7) describes them."""

    line: str
    """As it was written, without its zone."""
    zone: str
    """The zone whose clock is meant."""
    fields: tuple[tuple[str, str], ...]
    """year, month, day, day_of_week, hour, minute and second: ``*``, ``last``, or a list that commas part."""


def oncalendar(text: str, elsewhere: str = "UTC") -> OnCalendar:
    """Read a calendar expression.

    Args:
        text: Weekdays, a date and a time, any of them left out; or a word such as ``daily``; a zone behind it.
        elsewhere: The zone of one that names none.

    >>> dict(oncalendar("Mon..Wed *-*-1..3 0/8:30 Europe/Berlin").fields)["hour"]
    '0,8,16'

    Raises:
        UserError: it is none, or says what cannot be read here.
    """
    words = text.split()
    named = elsewhere
    if len(words) > 1 and words[-1][0].isalpha() and not _weekdays(words[-1]):
        named = zone(words.pop())
    line = " ".join(words)
    rest = _SHORTHANDS.get(line.lower(), line).split()
    weekdays = _weekdays(rest[0]) if rest else None
    if weekdays:
        rest.pop(0)
    date = rest.pop(0) if rest and ":" not in rest[0] else "*-*-*"
    time = rest.pop(0) if rest else "00:00:00"
    if rest or not words:
        raise _wrong(text)
    fields = {**_date(text, date), "day_of_week": weekdays or "*", **_time(text, time)}
    return OnCalendar(line, named, tuple(fields.items()))


def _wrong(text: str, what: str = "") -> UserError:
    told = what or "it is like cron's five fields, or like OnCalendar="
    return UserError(f'"{text}" is no calendar; {told}: "Mon..Fri *-*-* 02:00 Europe/Berlin"')


def weekday(word: str) -> int | None:
    """Return the number of a day of the week, Monday being 0; None where a word is no such day."""
    low = word.lower()
    names = _LONG if low in _LONG else DAYS
    return names.index(low) if low in names else None


def _weekdays(text: str) -> str | None:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.replace("..", "-").partition("-")
        begin, end = weekday(first), weekday(last or first)
        if begin is None or end is None or end < begin:
            return None
        found.update(range(begin, end + 1))
    return ",".join(DAYS[number] for number in sorted(found))


def _date(text: str, date: str) -> dict[str, str]:
    found = _DATE.fullmatch(date)
    if not found:
        raise _wrong(text, f'"{date}" is no date; write *-*-* for any day')
    year, month, counted, day = found.groups()
    if counted == "~" and day not in {"1", "01"}:
        raise _wrong(text, "of days counted from the month's end only ~01, the last, can be read")
    fields = {"year": year or "*", "month": month, "day": day}
    numbers = {name: _numbers(text, name, value) for name, value in fields.items()}
    return numbers | ({"day": "last"} if counted == "~" else {})


def _time(text: str, time: str) -> dict[str, str]:
    found = _TIME.fullmatch(time)
    if not found:
        raise _wrong(text, f'"{time}" is no time; write 02:00')
    fields = zip(("hour", "minute", "second"), (found[1], found[2], found[3] or "00"), strict=True)
    return {name: _numbers(text, name, value) for name, value in fields}


def _numbers(text: str, name: str, field: str) -> str:
    """Return the numbers of a field, as a list that commas part; ``*`` is any."""
    if field == "*":
        return "*"
    low, high = _BOUNDS[name]
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        ends = [int(end) for end in match.groups()[:2] if end] if match else []
        outside = any(not low <= end <= high for end in ends) or ends != sorted(ends)
        if not match or outside or match[3] == "0":
            raise _wrong(
                text,
                f'"{field}" is no {name}; it goes from {low} to {high}, as in 1,5, 1..5 or 0/15',
            )
        last = ends[-1] if match[2] or not match[3] else high
        found.update(range(ends[0], last + 1, int(match[3] or 1)))
    return ",".join(map(str, sorted(found)))
