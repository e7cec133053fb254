"""Diagnoses for a report: hosts that are in the same trouble for the same reason are one case."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lastseen import verdict
from lastseen.diagnose import Bench
from lastseen.diagnosis import Diagnosis
from lastseen.lanes import Lanes, draw
from lastseen.views import Views

TROUBLED = ("failed", "pending", "verifying", "silent", "mdm-off")
"""States that a report explains, the order in which it does."""
SHOWN = 20
"""Cases that are shown with their rows and lanes; of more, only the sentence."""
_TOGETHER = timedelta(minutes=15)
"""Troubles that begin so close to each other are one."""


@dataclass(frozen=True)
class Case:
    """Hosts in the same state since the same time, for the same causes."""

    hosts: Sequence[str]
    diagnosis: Diagnosis
    """Of the first of them, with the rows that show it."""
    sentence: str
    because: str
    """The cause in one clause."""
    lanes: Lanes | None = None


def gather(views: Views, bench: Bench) -> list[Case]:
    """Return the cases of all hosts that are stuck or silent, the largest of a state first."""
    groups: dict[object, list[Diagnosis]] = defaultdict(list)
    for row in bench.states:
        if row["state"] in TROUBLED:
            found = bench.diagnose(row)
            groups[_key(found)].append(found)
    ordered = sorted(
        groups.values(),
        key=lambda group: (TROUBLED.index(group[0].state), -len(group), group[0].host),
    )
    told = []
    for number, group in enumerate(ordered):
        first = group[0]
        if number < SHOWN:
            row = next(row for row in bench.states if row["host"] == first.host)
            first = bench.diagnose(row, views)
        told.append((group, first))
    pictures = draw([first for _, first in told[:SHOWN]], views.rows, bench.ground)
    return [
        Case(
            hosts := [one.host for one in group],
            first,
            verdict.sentence(first, hosts),
            verdict.summary(first),
            pictures.get(first.host),
        )
        for group, first in told
    ]


def _key(found: Diagnosis) -> object:
    causes = tuple(sorted((one.cause, one.scope) for one in found.accused))
    return found.state, _moment(found.since), causes


def _moment(when: datetime | None) -> object:
    """Round a moment, so that what begins together is together."""
    return None if when is None else when.timestamp() // _TOGETHER.total_seconds()
