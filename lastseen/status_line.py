"""The first line of `lastseen status`: the whole message."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from lastseen.period import spell
from lastseen.status import FAILING, LATE, NEVER, JobStatus, SourceStatus, Status
from lastseen.wording import clock

_NAMED = 3
"""So many troubled sources are told of, and so many jobs."""


def headline(status: Status) -> str:
    """Say it all in one sentence."""
    names = [one.name for one in status.sources]
    if not names:
        first = "nothing is pulled here: no [sources] in lastseen.toml"
    elif not status.late:
        first = (
            f"all {len(names)} sources are on time"
            if len(names) > 1
            else f"{names[0]}, the only source, is on time"
        )
    else:
        first = _late(status)
    failed = [f"{title(job)} failed" for job in status.failed]
    return "; ".join([first, *_capped(failed, "other job failed", "other jobs failed")])


def _late(status: Status) -> str:
    late = ("other source is late", "other sources are late")
    clauses = _capped([_clause(one, status.now) for one in status.late], *late)
    rest = len(status.sources) - len(status.late)
    well = "1 other is on time" if rest == 1 else f"{rest} others are on time"
    return "; ".join([*clauses, *([well] if rest else [])])


def _capped(clauses: Sequence[str], one: str, many: str) -> list[str]:
    """Leave those out that are too many, and count them."""
    more = len(clauses) - _NAMED
    rest = [f"{more} {one if more == 1 else many}"] if more > 0 else []
    return [*clauses[:_NAMED], *rest]


def _clause(one: SourceStatus, now: datetime) -> str:
    good = one.known.good
    last_good = (
        f"last good pull {clock(good.finished, now)}, {spell(_minutes(now - good.finished))} ago"
        if good
        else "no pull was ever good"
    )
    return {
        NEVER: f"{one.name} was never pulled",
        LATE: f"{one.name} is late: {last_good}",
        FAILING: f"the last pull of {one.name} failed: {last_good}",
    }[one.standing]


def title(job: JobStatus) -> str:
    """Return what people call a job."""
    return "tidy" if job.kind == "tidy" else f"{job.kind} {job.name}"


def _minutes(span: timedelta) -> timedelta:
    """Leave out seconds where there are minutes, and minutes where there are days."""
    for unit, least in (
        (timedelta(hours=1), timedelta(days=1)),
        (timedelta(minutes=1), timedelta(minutes=1)),
    ):
        if span >= least:
            return span // unit * unit
    return span
