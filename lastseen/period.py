"""Spans and moments as people write them: "5 minutes", "T-7d", "30 min ago"."""

import re
from datetime import UTC, datetime, timedelta

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
