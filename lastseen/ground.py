"""Whether the logs that would tell of something were collected: the ground on which a cause may be ruled out."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lastseen.views import Views


@dataclass(frozen=True)
class Span:
    """A time for which a log was collected without a hole, UTC."""

    since: datetime
    until: datetime
    pause: timedelta
    """How long the log is used to be silent."""


@dataclass(frozen=True)
class Hole:
    """Why a log says nothing of a time."""

    table: str
    emitter: str | None
    last: datetime | None
    """Up to when it was collected; None is never."""


class Ground:
    """What was collected, by table and by who wrote it."""

    def __init__(self, views: Views) -> None:
        """Ask the views ``collected`` and ``coverage``, for the window that is set."""
        self._spans: dict[str, dict[str | None, list[Span]]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._own: set[str] = set()
        for row in views.rows("from collected order by format, emitter, since"):
            span = Span(row["since"], row["until"], row["pause"])
            self._spans[row["format"]][row["emitter"]].append(span)
            if row["covers"] == "host":
                self._own.add(row["format"])

    def hole(
        self, tables: Sequence[str], host: str, since: datetime, until: datetime
    ) -> Hole | None:
        """Say which log is missing, where none of some tables covers a time; None where one does.

        A central log covers it only if each machine that writes such a log does: each has its share of the lines.
        """
        holes = [self._hole(table, host, since, until) for table in tables]
        if None in holes:
            return None
        return max(
            (hole for hole in holes if hole), key=lambda hole: (hole.last is not None, hole.last)
        )

    def has(self, table: str, emitter: str | None, since: datetime, until: datetime) -> bool:
        """Say whether one log was collected in a time, at least in part."""
        spans = self._spans.get(table, {}).get(emitter, [])
        return any(span.since < until and since < span.until for span in spans)

    def _hole(self, table: str, host: str, since: datetime, until: datetime) -> Hole | None:
        logs = self._spans.get(table, {})
        if table in self._own:
            logs = {name: spans for name, spans in logs.items() if name == host}
        if not logs:
            return Hole(table, host if table in self._own else None, None)
        for emitter, spans in logs.items():
            if not any(
                span.since - span.pause <= since and until <= span.until + span.pause
                for span in spans
            ):
                before = [span.until for span in spans if span.since <= until]
                return Hole(table, emitter, max(before, default=None))
        return None
