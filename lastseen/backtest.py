"""The past, replayed: which incidents there would have been, and when people would have been told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lastseen import incidents, rules
from lastseen import state as state_file
from lastseen.incident import Incident, Notice
from lastseen.incident_book import Book
from lastseen.recording import checked
from lastseen.rulefile import Rule
from lastseen.state import State
from lastseen.workspace import Workspace

MOST = 100
"""Moments that are replayed at most; where rules run more often, the steps are longer."""
_CALENDAR = timedelta(hours=1)
"""How often a rule is replayed that runs by a cron line."""


@dataclass(frozen=True)
class Backtest:
    """What a replay came to."""

    since: datetime
    until: datetime
    step: timedelta
    """Between two moments; an incident is seen this much later than it would have been, at most."""
    moments: int
    notices: Sequence[Notice]
    incidents: Sequence[Incident]


def replay(
    space: Workspace,
    chosen: Mapping[str, Rule],
    since: datetime,
    now: datetime,
    told: Callable[[int, int, str], None],
) -> Backtest:
    """Run rules at moments of the past, one after the other, over incidents of their own.

    Args:
        space: The project; nothing of it is changed.
        chosen: Rules by name.
        since: The first moment, UTC.
        now: The last one.
        told: Told how far it is: moments done, all moments, the moment.

    Raises:
        UserError: a rule does not run.
    """
    step = pace(chosen, now - since)
    moments = [now - step * number for number in reversed(range((now - since) // step + 1))]
    longest = max((rule.window for rule in chosen.values()), default=timedelta())
    last: dict[str, datetime] = {}
    notices: list[Notice] = []
    with _empty(space.project.state) as state, space.views(now, since - longest) as views:
        book = Book(state)
        for number, at in enumerate(moments, 1):
            due = {
                name: rule
                for name, rule in chosen.items()
                if name not in last or at - last[name] >= _every(rule)
            }
            last |= dict.fromkeys(due, at)
            views.judge(at)
            found = rules.check(views, due, at)
            with state.change():
                check = checked(views, due, found, at)
                notices += incidents.update(book, check, space.settings.incidents)
            told(number, len(moments), f"{at:%Y-%m-%d %H:%M}")
        return Backtest(since, now, step, len(moments), notices, book.all())


def pace(chosen: Mapping[str, Rule], span: timedelta) -> timedelta:
    """Return how far apart the moments of a replay are: as rules run, or further where these were too many."""
    shortest = min(map(_every, chosen.values()), default=_CALENDAR)
    return max(shortest, span / MOST)


def _every(rule: Rule) -> timedelta:
    return rule.every if isinstance(rule.every, timedelta) else _CALENDAR


def _empty(path: Path) -> State:
    """Return a state that holds nothing and is nowhere kept."""
    return State(path, lambda _: state_file.fresh())
