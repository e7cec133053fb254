"""When something that is done in a rhythm is to be done next."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from lastseen.oncalendar import OnCalendar
from lastseen.period import Cron, cron_fields

_TICK = timedelta(microseconds=1)
_TURN = timedelta(hours=3)
"""No clock is set forward or back by as much."""


def following(rhythm: timedelta | Cron | OnCalendar, moment: datetime) -> datetime | None:
    """Return the first moment of a rhythm after another, UTC; None where a calendar names a day that never comes.

    Of a cron line that limits both the day of the month and that of the week, either will do, as crontab(5)
    says. A time that its zone skips in spring comes as long after midnight as ever, an hour later by the clock;
    one that comes twice in autumn counts the first time, unless minutes or hours begin with ``*``. Of a calendar as
    systemd has it, what spring skips is skipped, and what comes twice counts the first time.

    >>> following(timedelta(minutes=5), datetime(2026, 3, 10, 6, tzinfo=UTC)).isoformat()
    '2026-03-10T06:05:00+00:00'
    >>> following(Cron("0 6 * * 0", "Europe/Berlin"), datetime(2026, 3, 10, 6, tzinfo=UTC)).isoformat()
    '2026-03-15T05:00:00+00:00'
    """
    if isinstance(rhythm, timedelta):
        return moment + rhythm
    after, there = moment.astimezone(UTC), ZoneInfo(rhythm.zone)
    if isinstance(rhythm, OnCalendar):
        clocks = (
            (clock, found)
            for clock in _clocks(_triggers(rhythm)[0], _clock(after, there))
            if _clock(found := _real(clock, there), there) == clock
        )
        return next((found for _, found in clocks if found > after), None)
    once = not any(field.startswith("*") for field in rhythm.line.split()[:2])
    each = [_next(trigger, after, there, once=once) for trigger in _triggers(rhythm)]
    return min(filter(None, each), default=None)


def _next(trigger: Any, after: datetime, there: ZoneInfo, *, once: bool) -> datetime | None:
    best: datetime | None = None
    for clock in _clocks(trigger, _clock(after, there)):
        first = _real(clock, there)
        if best is not None and first >= best:
            break
        both = [first] if once else [first, _real(clock, there, fold=1)]
        best = min((one for one in (best, *both) if one and one > after), default=None)
        if best == first:
            break
    return best


def _clocks(trigger: Any, after: datetime) -> Iterator[datetime]:
    """Yield what a clock on the wall shows when a calendar comes, from shortly before a time that it shows."""
    # As if it were UTC: a trigger that is told of a zone loses midnight on the day after the clock is set.
    found = after - _TURN
    while found := trigger.get_next_fire_time(None, found + _TICK):
        yield found


def _clock(moment: datetime, there: ZoneInfo) -> datetime:
    return moment.astimezone(there).replace(tzinfo=UTC, fold=0)


def _real(clock: datetime, there: ZoneInfo, fold: int = 0) -> datetime:
    return clock.replace(tzinfo=there, fold=fold).astimezone(UTC)


@lru_cache(maxsize=256)
def _triggers(calendar: Cron | OnCalendar) -> tuple[Any, ...]:
    """Return what knows when a calendar comes; two where a cron line limits the day in two ways."""
    # Only a calendar needs it, and loading it takes a tenth of a second.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    if isinstance(calendar, OnCalendar):
        return (CronTrigger(**dict(calendar.fields), timezone=UTC),)
    minute, hour, day, month, weekday = cron_fields(calendar.line)
    days = calendar.line.split()
    either = (
        [(day, "*"), ("*", weekday)] if "*" not in (days[2][0], days[4][0]) else [(day, weekday)]
    )
    return tuple(
        CronTrigger(
            minute=minute, hour=hour, day=of_month, month=month, day_of_week=of_week, timezone=UTC
        )
        for of_month, of_week in either
    )  # fmt: skip
