"""Spans, moments and rhythms as people write them: "5 minutes", "T-7d", "30 min ago", "0 6 * * 1-5"."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lastseen.errors import UserError

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONG = {
    "second": "s", "sec": "s", "minute": "m", "min": "m", "hour": "h", "hr": "h", "day": "d", "week": "w",
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)")
_CRON = (
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day of the month", 1, 31, ""),
    ("month", 1, 12, "jan feb mar apr may jun jul aug sep oct nov dec"),
    ("day of the week", 0, 7, "sun mon tue wed thu fri sat"),
)
_CRON_PART = re.compile(r"(?:\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/(\d+))?")


@dataclass(frozen=True)
class Cron:
    """Moments by the calendar: five fields as crontab(5) has them, Sunday being 0 and 7."""

    line: str
    zone: str = "UTC"
    """The zone whose clock is meant."""


def period(text: str) -> timedelta:
    """Read a span of time.

    >>> period("5 minutes"), period("1h 30m"), period("2 hours 6 minutes")
    (datetime.timedelta(seconds=300), datetime.timedelta(seconds=5400), datetime.timedelta(seconds=7560))

    Raises:
        UserError: it is no span, or not a positive one.
    """
    rest = text.strip().lower()
    parts = _PART.findall(rest)
    if not parts or _PART.sub("", rest).strip(" ,"):
        raise UserError(f'"{text}" is no span of time; write "30 seconds", "5 minutes" or "1h 30m"')
    total = timedelta()
    for number, word in parts:
        unit = word if word in _UNITS else _LONG.get(word.removesuffix("s"))
        if unit is None:
            raise UserError(
                f'"{text}": unknown unit "{word}"; use seconds, minutes, hours, days or weeks'
            )
        try:
            total += float(number) * _UNITS[unit]
        except OverflowError:
            raise UserError(f'"{text}" is longer than any log; write a shorter span') from None
    if total <= timedelta():
        raise UserError(f'"{text}" is no time at all; a span must be longer than zero')
    return total


def every(text: str) -> timedelta | Cron:
    """Read how often something is done: a span, or a cron line, its zone behind it.

    >>> every("5 minutes"), every("30 6 * * mon-fri Europe/Berlin")
    (datetime.timedelta(seconds=300), Cron(line='30 6 * * mon-fri', zone='Europe/Berlin'))

    Raises:
        UserError: it is neither.
    """
    words = text.split()
    if not (5 <= len(words) <= 6 and _CRON_PART.match(words[0])):  # noqa: PLR2004 - five fields, and a zone
        if "*" in words:
            raise UserError(
                f'"{text}" is no cron line; it has five fields and may end in a zone: "0 6 * * 1-5 Europe/Berlin"'
            )
        return period(text)
    for (what, low, high, names), field in zip(_CRON, words, strict=False):
        if not _cron_field(field.lower(), low, high, names.split()):
            raise UserError(
                f'"{text}": "{field}" is no {what}; it goes from {low} to {high}, as in "*/5", "1-5" or "0,30"'
            )
    return Cron(" ".join(words[:5]), zone(words[5]) if words[5:] else "UTC")


def _cron_field(field: str, low: int, high: int, names: list[str]) -> bool:
    """Say whether a field of a cron line can be: its parts, their order and their bounds."""
    for part in field.split(","):
        found = _CRON_PART.fullmatch(part)
        if not found or (found[3] is not None and int(found[3]) == 0):
            return False
        ends = [
            names.index(word) + low if word in names else int(word) if word.isdigit() else -1
            for word in found.groups()[:2]
            if word
        ]
        if any(not low <= end <= high for end in ends) or ends != sorted(ends):
            return False
    return True


def cron_fields(line: str) -> list[str]:
    """Return the five fields of a cron line as ``*`` or as lists of numbers; weekdays by name.

    >>> cron_fields("*/20 1-3 * jan,12 5-7")
    ['0,20,40', '1,2,3', '*', '1,12', 'fri,sat,sun']
    """
    found = []
    for (*_, low, high, names), field in zip(_CRON, line.lower().split(), strict=True):
        words = names.split()
        numbers = sorted({n for part in field.split(",") for n in _numbers(part, low, high, words)})
        if low == 0 and words:
            numbers = list(dict.fromkeys(number % len(words) for number in numbers))
        shown = [words[n] if low == 0 and words else str(n) for n in numbers]
        found.append("*" if field == "*" else ",".join(shown))
    return found


def _numbers(part: str, low: int, high: int, names: list[str]) -> range:
    """Return the numbers of one part of a field: ``*``, ``3``, ``1-5`` or ``mon-fri``, each with a step or without."""
    match = _CRON_PART.fullmatch(part)
    if match is None:
        raise ValueError(part)
    first, last, step = match.groups()
    ends = [
        names.index(word) + low if word in names else int(word) for word in (first, last) if word
    ]
    begin = ends[0] if ends else low
    end = ends[1] if ends[1:] else high if step or not ends else begin
    return range(begin, end + 1, int(step or 1))


def zone(text: str) -> str:
    """Return the name of a time zone.

    Raises:
        UserError: there is no such zone.
    """
    try:
        ZoneInfo(text)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise UserError(f'there is no zone "{text}"; write one like Europe/Berlin') from None
    return text


def moment(text: str, now: datetime) -> datetime:
    """Read a moment: RFC 3339, ``T-7d`` or ``30 min ago``, the last two counted back from now.

    A time without zone is UTC; the result is in UTC.

    >>> noon = datetime(2026, 3, 10, 12, tzinfo=UTC)
    >>> moment("T-7d", noon).isoformat(), moment("30 min ago", noon).isoformat()
    ('2026-03-03T12:00:00+00:00', '2026-03-10T11:30:00+00:00')
    >>> moment("2026-03-10T06:00+01:00", noon).isoformat()
    '2026-03-10T05:00:00+00:00'

    Raises:
        UserError: it is no moment.
    """
    words = text.strip()
    if words.lower() == "now":
        return now
    if relative := re.fullmatch(r"(?i)T-(.+)|(.+?)\s+ago", words):
        try:
            return now - period(relative[1] or relative[2])
        except OverflowError:
            raise UserError(f'"{text}" is before all time; write a shorter span') from None
    try:
        when = datetime.fromisoformat(words)
    except ValueError:
        raise UserError(
            f'"{text}" is no moment; write "2026-03-10T06:00:00Z", "T-7d" or "30 min ago"'
        ) from None
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def spell(span: timedelta) -> str:
    """Write a span for people, in its two largest units.

    >>> spell(timedelta(minutes=52)), spell(timedelta(hours=2, minutes=6)), spell(timedelta(seconds=12))
    ('52 min', '2 h 6 min', '12 s')
    """
    seconds = int(span.total_seconds())
    parts = [
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    shown = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(shown) or "0 s"


def rfc3339(when: datetime) -> str:
    """Write a moment in UTC with microseconds, as every output does.

    >>> rfc3339(datetime(2026, 3, 10, 6, tzinfo=UTC))
    '2026-03-10T06:00:00.000000Z'
    """
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
