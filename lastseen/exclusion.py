"""Which causes the logs rule out, and of which nobody can know: what is not accused is one or the other."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from lastseen import wording
from lastseen.causes import CAUSES, Cause
from lastseen.diagnosis import RuledOut, Unknown
from lastseen.ground import Ground, Hole
from lastseen.peers import HEALTHY
from lastseen.rulefile import Rule
from lastseen.rules import Finding
from lastseen.scoring import Trouble

RECENT = timedelta(hours=1)
"""What must have been collected, at least, for a cause to be ruled out."""

Row = dict[str, Any]


class Exclusion:
    """The rules whose silence means something, and the logs that they need."""

    def __init__(self, ground: Ground, known: Mapping[str, Rule], now: datetime) -> None:
        """Sort the rules by the cause that they explain.

        Args:
            ground: What was collected.
            known: The rules, by name.
            now: The moment that is judged, UTC.
        """
        self._ground = ground
        self._now = now
        self._judges: dict[str, list[Rule]] = defaultdict(list)
        for rule in known.values():
            if rule.explains and rule.needs:
                self._judges[rule.explains].append(rule)

    def sort(
        self, row: Row, trouble: Trouble, named: Collection[str], found: Sequence[Finding]
    ) -> tuple[list[RuledOut], list[Unknown]]:
        """Sort the causes that nothing speaks for.

        Args:
            row: The host's row of ``host_states``.
            trouble: What is to be explained, and when.
            named: Causes that something speaks for.
            found: The findings of the host and of the server, whatever their weight.
        """
        since = min(trouble.not_before, trouble.until - RECENT)
        if row["state"] in HEALTHY:
            since = trouble.until - RECENT
        told = {str(one.explains): one.rule for one in found if (one.until or self._now) >= since}
        ruled_out: dict[str, RuledOut] = {}
        unknown: dict[str, Unknown] = {}
        for cause in possible(row["state"]):
            if cause.name in named:
                continue
            doubt = self._doubt(cause, row["host"], since, trouble.until, told)
            if doubt is None:
                ruled_out[cause.name] = RuledOut(cause.name, self._by(cause, row, since))
            else:
                unknown[cause.name] = Unknown(cause.name, doubt)
        for name in list(unknown):
            if (other := CAUSES[name].implies) in ruled_out:
                ruled_out[name] = RuledOut(name, ruled_out[str(other)].by)
                del unknown[name]
        return list(ruled_out.values()), list(unknown.values())

    def _doubt(
        self, cause: Cause, host: str, since: datetime, until: datetime, told: Mapping[str, str]
    ) -> str | None:
        """Say why a cause cannot be ruled out; None where it can."""
        if cause.name in told:
            return f"{told[cause.name]} found something, which did not bring this state about"
        if not self._judges[cause.name]:
            return "no rule can rule it out"
        holes = self._holes(cause, host, since, until)
        return next((self._missing(hole) for hole in holes if hole is not None), None)

    def _holes(
        self, cause: Cause, host: str, since: datetime, until: datetime
    ) -> Iterator[Hole | None]:
        """Yield, for all that must be collected to rule a cause out, which log is missing; None where it is not."""
        for rule in self._judges[cause.name]:
            for tables in rule.needs:
                yield self._ground.hole(tables, host, since, until)

    def _missing(self, hole: Hole) -> str:
        whose = f" from {hole.emitter}" if hole.emitter else ""
        if hole.last is None:
            return f"no {hole.table} was ever collected{whose}"
        after = wording.clock(hole.last, self._now)
        return f"nothing of {hole.table} was collected{whose} after {after}"

    def _by(self, cause: Cause, row: Row, since: datetime) -> str:
        judges = wording.listed([rule.name for rule in self._judges[cause.name]])
        said = f"{judges} found nothing since {wording.clock(since, self._now)}"
        seen = row["last_seen"]
        if cause.name == "host-offline" and seen is not None:
            return f"seen {wording.cell(self._now - seen)} before; {said}"
        return said


def possible(state: str) -> list[Cause]:
    """Return the causes that a state may have; of a host that is well, all that it might be in for."""
    if state in ("ok", "paused"):
        return [cause for cause in CAUSES.values() if cause.name != "collection-gap"]
    return [cause for cause in CAUSES.values() if state in cause.explains]
