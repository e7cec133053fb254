"""When something that is done in a rhythm is to be done next."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from lastseen.period import Cron

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def following(rhythm: timedelta | Cron, moment: datetime) -> datetime | None:
    """Return the first moment of a rhythm after another, UTC; None where a cron line names a day that never comes.

    Of a cron line that limits both the day of the month and that of the week, either will do, as crontab(5) says.

    >>> following(timedelta(minutes=5), datetime(2026, 3, 10, 6, tzinfo=UTC)).isoformat()
    '2026-03-10T06:05:00+00:00'
    >>> following(Cron("0 6 * * 0", "Europe/Berlin"), datetime(2026, 3, 10, 6, tzinfo=UTC)).isoformat()
    '2026-03-15T05:00:00+00:00'
    """
    if isinstance(rhythm, timedelta):
        return moment + rhythm
    minute, hour, day, month, weekday = rhythm.line.lower().split()
    either = [(day, "*"), ("*", weekday)] if "*" not in (day[0], weekday[0]) else [(day, weekday)]
    found = [_next(rhythm.zone, (minute, hour, *days, month), moment) for days in either]
    return min(filter(None, found), default=None)


def _next(zone: str, fields: tuple[str, ...], moment: datetime) -> datetime | None:
    # Only a cron line needs it, and loading it takes a tenth of a second.
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

    minute, hour, day, weekday, month = fields
    trigger = CronTrigger(
        minute=minute,
        hour=hour,
        day=day,
        month=month,
        day_of_week=_weekdays(weekday),
        timezone=ZoneInfo(zone),
    )
    after = moment + timedelta(microseconds=1)
    found: datetime | None = trigger.get_next_fire_time(None, after)
    return None if found is None else found.astimezone(UTC)


def _weekdays(field: str) -> str:
    """Name each day that a field means: crontab counts from Sunday, and knows it as 7 too.

    >>> _weekdays("1-5/2,7"), _weekdays("*"), _weekdays("fri-sat")
    ('mon,wed,fri,sun', '*', 'fri,sat')
    """
    if field == "*":
        return field
    days: list[str] = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = "0-6".partition("-") if span == "*" else span.partition("-")
        begin = _number(first)
        end = _number(last) if last else 6 if step else begin
        days += [_DAYS[number % 7] for number in range(begin, end + 1, int(step or 1))]
    return ",".join(dict.fromkeys(days))


def _number(day: str) -> int:
    return _DAYS.index(day) if day in _DAYS else int(day)
