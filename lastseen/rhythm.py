"""When something that is done in a rhythm is to be done next."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from lastseen.period import Cron, cron_fields

_TICK = timedelta(microseconds=1)


def following(rhythm: timedelta | Cron, moment: datetime) -> datetime | None:
    """Return the first moment of a rhythm after another, UTC; None where a cron line names a day that never comes.

    Of a cron line that limits both the day of the month and that of the week, either will do, as crontab(5)
    says. A time that its zone skips in spring comes as long after midnight as ever, an hour later by the clock;
    one that comes twice in autumn counts the first time, unless minutes or hours begin with ``*``.

    >>> following(timedelta(minutes=5), datetime(2026, 3, 10, 6, tzinfo=UTC)).isoformat()
    '2026-03-10T06:05:00+00:00'
    >>> following(Cron("0 6 * * 0", "Europe/Berlin"), datetime(2026, 3, 10, 6, tzinfo=UTC)).isoformat()
    '2026-03-15T05:00:00+00:00'
    """
    if isinstance(rhythm, timedelta):
        return moment + rhythm
    once = not any(field.startswith("*") for field in rhythm.line.split()[:2])
    found = [_next(trigger, moment, once=once) for trigger in _triggers(rhythm)]
    return min(filter(None, found), default=None)


def _next(trigger: Any, after: datetime, *, once: bool) -> datetime | None:
    # In UTC: adding to a time of a zone forgets which of the two hours of autumn it was in.
    moment: datetime | None = after.astimezone(UTC)
    while moment is not None:
        found: datetime | None = trigger.get_next_fire_time(None, moment + _TICK)
        moment = None if found is None else found.astimezone(UTC)
        if found is not None and not (once and found.fold):
            break
    return moment


@lru_cache(maxsize=256)
def _triggers(cron: Cron) -> tuple[Any, ...]:
    """Return what knows when a cron line comes; two where it limits the day in two ways."""
    # Only a cron line needs it, and loading it takes a tenth of a second.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    minute, hour, day, month, weekday = cron_fields(cron.line)
    days = cron.line.split()
    either = (
        [(day, "*"), ("*", weekday)] if "*" not in (days[2][0], days[4][0]) else [(day, weekday)]
    )
    return tuple(
        CronTrigger(
            minute=minute, hour=hour, day=of_month, month=month, day_of_week=of_week, timezone=cron.zone
        )
        for of_month, of_week in either
    )  # fmt: skip
