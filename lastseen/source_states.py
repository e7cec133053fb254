"""How the sources stand at a moment: what their pulls came to, and when the next one is due."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lastseen.database import literal
from lastseen.period import Cron
from lastseen.rhythm import following
from lastseen.source import Source
from lastseen.sources import Command, Ssh
from lastseen.state import Run, State, moment, stamp
from lastseen.terminal import harmless

PULL = "pull"
"""The kind of a run that pulls."""
_LEAST_GRACE = timedelta(minutes=2)
_RUN = "kind = 'pull' and name = ? and finished <= ?"
_COLUMNS = {
    "source": "varchar",
    "kind": "varchar",
    "host": "varchar",
    "formats": "varchar[]",
    "every_s": "double",
    "last_run": "timestamptz",
    "last_good": "timestamptz",
    "due": "timestamptz",
    "failing_since": "timestamptz",
    "problem": "varchar",
    "absent": "varchar[]",
}
"""The columns of the relation, and their types."""


@dataclass(frozen=True)
class SourceState:
    """One source at a moment; a run that ended later is not known."""

    source: Source
    last: Run | None
    """The newest run."""
    good: Run | None
    """The newest that had no problem."""
    failing_since: datetime | None
    """When the first run ended that failed after the last good one; None while nothing fails."""
    formats: Sequence[str]
    """What it brings, as far as that is known."""

    @property
    def due(self) -> datetime | None:
        """When the pull after the last good one was to be, or is; None where none was ever good."""
        return following(self.source.every, self.good.started) if self.good else None

    @property
    def next_due(self) -> datetime | None:
        """When the pull after the last one is to be; None where there was none, so it is due at once."""
        return following(self.source.every, self.last.started) if self.last else None

    @property
    def grace(self) -> timedelta:
        """How long after it was due a pull may end before it is late.

        A span's own length, two minutes at least. By the calendar, as long as all of a pull may take.
        """
        every = self.source.every
        return self.source.deadline if isinstance(every, Cron) else max(every, _LEAST_GRACE)

    def late(self, now: datetime) -> bool:
        """Say whether a good pull should have been there by now; never pulled is late."""
        return self.good is None or (self.due is not None and now > self.due + self.grace)


def read(state: State, sources: Mapping[str, Source], now: datetime) -> list[SourceState]:
    """Return how each source stood at a moment, by name."""
    return [_one(state, source, now) for _, source in sorted(sources.items())]


def _one(state: State, source: Source, now: datetime) -> SourceState:
    last = state.last(PULL, source.name, until=now)
    good = state.last(PULL, source.name, good=True, until=now)
    (failed,) = state.db.execute(
        f"select min(finished) from run where {_RUN} and finished > ? and problem is not null",
        (source.name, stamp(now), stamp(good.finished) if good else 0),
    ).fetchone()
    failing = None if failed is None or last is None or last.problem is None else moment(failed)
    return SourceState(source, last, good, failing, _formats(source, (last, good)))


def _formats(source: Source, runs: Iterable[Run | None]) -> list[str]:
    """Return what formats a source brings: as it is told, as its preset has it, as its runs noted."""
    preset = source.preset if isinstance(source, Command | Ssh) else None
    named = [form for form in (source.format, preset) if form]
    noted = [str(form) for run in runs if run for form in run.detail.get("formats") or []]
    return sorted(set(named or noted))


def query(states: Sequence[SourceState]) -> str:
    """Return the relation ``source_states`` as a query without any table: a row a source."""
    rows = [_values(one) for one in states] or [dict.fromkeys(_COLUMNS)]
    listed = ", ".join(
        "(" + ", ".join(literal(row[name]) for name in _COLUMNS) + ")" for row in rows
    )
    picked = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in _COLUMNS.items())
    nothing = "" if states else " where false"
    return f"select {picked} from (values {listed}) as states ({', '.join(_COLUMNS)}){nothing}"


def _values(one: SourceState) -> dict[str, Any]:
    every = one.source.every
    absent = one.last.detail.get("absent") if one.last else None
    return {
        "source": one.source.name,
        "kind": one.source.kind,
        "host": one.source.host,
        "formats": list(one.formats),
        "every_s": every.total_seconds() if isinstance(every, timedelta) else None,
        "last_run": one.last and one.last.finished,
        "last_good": one.good and one.good.finished,
        "due": one.due,
        "failing_since": one.failing_since,
        "problem": harmless(one.last.problem) if one.last and one.last.problem else None,
        "absent": [harmless(str(host)) for host in absent or []],
    }
