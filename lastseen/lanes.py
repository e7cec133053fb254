"""A host's time as lanes: one for each channel that it checks in by, one for the evidence of each cause."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lastseen import database
from lastseen.causes import CAUSES
from lastseen.diagnosis import Diagnosis
from lastseen.ground import Ground

SLOTS = 96
"""Slots of a lane, at most: what fits a terminal and a phone."""
_STEPS = [timedelta(minutes=n) for n in (1, 2, 5, 15, 30, 60, 120, 360)]
_LANES = ("osquery", "orbit", "desktop", "mdm", "own log", "seen")
"""The channels of the view ``checkins``, as they stand below each other."""

Ask = Callable[[str], list[dict[str, Any]]]


@dataclass(frozen=True)
class Lane:
    """What was seen in each slot: up, quiet (collected, and nothing), unknown (not collected), gap (evidence)."""

    name: str
    states: Sequence[str]


@dataclass(frozen=True)
class Lanes:
    """The lanes of one host over one time, UTC."""

    host: str
    since: datetime
    until: datetime
    step: timedelta
    lanes: Sequence[Lane]

    def as_json(self) -> dict[str, Any]:
        """Return them as ``why --timeline --json`` prints them."""
        return {
            "since": self.since,
            "until": self.until,
            "step_s": self.step.total_seconds(),
            "lanes": [vars(lane) for lane in self.lanes],
        }


def draw(found: Sequence[Diagnosis], ask: Ask, ground: Ground) -> dict[str, Lanes]:
    """Return the lanes of hosts, from an hour before their trouble to now, a day at most before that.

    Args:
        found: The diagnoses, with their evidence.
        ask: Runs a query over the views.
        ground: What was collected.
    """
    spans = {one.host: span(one) for one in found}
    if not spans:
        return {}
    seen = _seen(spans, ask)
    return {one.host: _lanes(one, spans[one.host], seen[one.host], ground) for one in found}


def span(found: Diagnosis) -> tuple[datetime, datetime, timedelta]:
    """Return from when to when a host's lanes go, and how long a slot is."""
    began = min((one.since for one in found.accused), default=found.since or found.now)
    began = min(began, found.since or found.now)
    since = max(began - timedelta(hours=1), found.now - timedelta(days=7))
    since = min(since, found.now - timedelta(hours=2))
    step = next((step for step in _STEPS if (found.now - since) / step <= SLOTS), _STEPS[-1])
    minutes = step // timedelta(minutes=1)
    start = since.replace(second=0, microsecond=0)
    start -= timedelta(minutes=(start.hour * 60 + start.minute) % minutes)
    return start, found.now, step


def _seen(
    spans: Mapping[str, tuple[datetime, datetime, timedelta]], ask: Ask
) -> dict[str, dict[tuple[str, str, str | None], set[datetime]]]:
    """Ask in which minutes each host was seen, by channel and log."""
    since = min(start for start, _, _ in spans.values())
    rows = ask(
        "select host, channel, \"table\", emitter, list(distinct date_trunc('minute', ts)) as minutes "
        f"from checkins where ts >= {database.literal(since)} and host in {_names(list(spans))} group by all"
    )
    seen: dict[str, dict[tuple[str, str, str | None], set[datetime]]] = defaultdict(dict)
    for row in rows:
        seen[row["host"]][row["channel"], row["table"], row["emitter"]] = set(row["minutes"])
    return seen


def _names(hosts: Sequence[str]) -> str:
    return "(" + ", ".join(map(database.literal, hosts)) + ")"


def _lanes(
    found: Diagnosis,
    over: tuple[datetime, datetime, timedelta],
    seen: Mapping[tuple[str, str, str | None], set[datetime]],
    ground: Ground,
) -> Lanes:
    since, until, step = over
    slots = [since + step * number for number in range(-(-(until - since) // step))]
    lanes = []
    for channel in _LANES:
        logs = {key: minutes for key, minutes in seen.items() if key[0] == channel}
        if logs:
            lanes.append(Lane(channel, [_state(slot, step, logs, ground) for slot in slots]))
    for cause in found.accused:
        marks = [row.ts for row in cause.evidence if row.ts]
        marks += [max(cause.since, since), min(cause.until, until)]
        states = [
            "gap"
            if any(slot <= mark < slot + step for mark in marks)
            else "asleep"
            if cause.since <= slot <= cause.until
            else "none"
            for slot in slots
        ]
        lanes.append(Lane(CAUSES[cause.cause].short, states))
    return Lanes(found.host, since, until, step, lanes)


def _state(
    slot: datetime,
    step: timedelta,
    logs: Mapping[tuple[str, str, str | None], set[datetime]],
    ground: Ground,
) -> str:
    if any(slot <= minute < slot + step for minutes in logs.values() for minute in minutes):
        return "up"
    covered = any(ground.has(table, emitter, slot, slot + step) for _, table, emitter in logs)
    return "quiet" if covered else "unknown"
