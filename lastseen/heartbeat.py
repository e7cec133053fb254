"""When a host is expected to check in, as `heartbeat = { … }` of lastseen.toml says it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lastseen.errors import UserError
from lastseen.hours import hours, spans
from lastseen.oncalendar import OnCalendar, oncalendar
from lastseen.period import Cron, every, period
from lastseen.period import zone as known_zone
from lastseen.rhythm import following

LEARNED = "learned"
"""The period of a host whose own past says what it is."""
ALWAYS = "always"
"""The hours of a host that is expected at any time."""
_FIELDS = 5
_OFTEN = timedelta(hours=1)
_LOOKED_AT = 50
_STEPS = 40
"""So many moments of a calendar are known before now, at least."""


def span(value: object) -> timedelta | str:
    """Read a period: a span, or ``learned``.

    Raises:
        UserError: it is neither.
    """
    return LEARNED if value == LEARNED else period(str(value))


def calendar(text: str, elsewhere: str = "UTC") -> Cron | OnCalendar:
    """Read at which moments a host is to check in: a cron line or a calendar as systemd has it, a zone behind it.

    Args:
        text: What was written.
        elsewhere: The zone of one that names none.

    >>> calendar("0 2 * * *", "Europe/Berlin")
    Cron(line='0 2 * * *', zone='Europe/Berlin')

    Raises:
        UserError: it is neither, never comes, or comes more often than once an hour: that is a period.
    """
    words = text.split()
    found: timedelta | Cron | OnCalendar
    if len(words) < _FIELDS:
        found = oncalendar(text, elsewhere)
    else:
        found = every(text if len(words) > _FIELDS else f"{text} {known_zone(elsewhere)}")
    if isinstance(found, timedelta):
        raise UserError(f'"{text}" is no calendar; say it as period')
    last = following(found, datetime(2026, 1, 1, tzinfo=UTC))
    if last is None:
        raise UserError(f'"{text}" never comes')
    for _ in range(_LOOKED_AT):
        later = following(found, last)
        if later is not None and later - last < _OFTEN:
            raise UserError(
                f'"{text}" comes more often than once an hour; say that as period = "15 minutes"'
            )
        last = later or last
    return found


def paused(value: object) -> bool | date:
    """Read whether a host is put away: true, false, or until the beginning of a day.

    Raises:
        TypeError: it is none of these.
        UserError: a text is no day.
    """
    if isinstance(value, bool) or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if not isinstance(value, str):
        raise TypeError('true, false or a day, "2026-04-01"')
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise UserError(f'"{value}" is no day; write "2026-04-01"') from None


def until(value: object, zone: str) -> datetime:
    """Return the moment at which a pause ends, UTC: the end of all time, its beginning, or midnight of a zone."""
    if isinstance(value, date):
        return datetime.combine(value, time(), ZoneInfo(zone)).astimezone(UTC)
    return datetime(9999, 12, 31, tzinfo=UTC) if value else datetime(1970, 1, 1, tzinfo=UTC)


def named(value: Cron | OnCalendar) -> str:
    """Write a calendar with its zone.

    >>> named(Cron("0 2 * * *", "Europe/Berlin"))
    '0 2 * * * Europe/Berlin'
    """
    return f"{value.line} {value.zone}"


def moments(when: Cron | OnCalendar, since: datetime, now: datetime) -> Iterator[datetime]:
    """Yield the moments of a calendar, UTC: from ``since`` or from 40 before now, whichever is earlier, to the next."""
    moment = following(when, now)
    later = following(when, moment) if moment else None
    step = later - moment if moment and later else timedelta(days=366)
    found = following(when, min(since, now - _STEPS * step))
    while found is not None:
        yield found
        found = following(when, found) if found <= now else None


def intervals(text: str, since: datetime, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return when hours are, UTC: from ``since`` on to a week and a day after now."""
    return spans(hours(text), since, now + timedelta(days=8))
