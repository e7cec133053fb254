"""A check of a project, and what it makes of the project's incidents."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lastseen import handling, incidents
from lastseen import state as state_file
from lastseen.errors import UserError
from lastseen.incident import Notice
from lastseen.incident_book import Book, copied
from lastseen.incidents import Check
from lastseen.proof import Proof
from lastseen.rulefile import Rule
from lastseen.rules import Finding
from lastseen.views import Views
from lastseen.workspace import Workspace


@dataclass(frozen=True)
class Recorded:
    """What became of incidents."""

    notices: Sequence[Notice] = ()
    """What people are to be told."""
    stale: str | None = None
    """Why all was left as it was, for the check is not of the present."""


def checked(
    views: Views, rules: Mapping[str, Rule], found: Sequence[Finding], now: datetime
) -> Check:
    """Return what rules came to, for incidents; the window of the views must end at that moment.

    What a rule finds that only runs when asked is no trouble by itself.

    Args:
        views: The database that they ran in.
        rules: Those that ran, by name.
        found: What they found.
        now: The moment that they judged at, UTC.
    """
    kinds: dict[str, str] = {}
    rules = {name: rule for name, rule in rules.items() if not rule.when_asked}
    found = [one for one in found if one.rule in rules]
    if any(one.host is not None for one in found):
        rows = views.rows("select host, platform from hosts")
        kinds = {row["host"]: row["platform"] or "" for row in rows}
    return Check(now, rules, found, Proof(views, rules).proves, kinds)


def record(space: Workspace, check: Check, clock: datetime) -> Recorded:
    """Bring a project's incidents up to a check.

    A check of a moment before the last one, or of one that is still to come, changes nothing: else a look
    at the past would undo what is known of the present.

    Args:
        space: The project.
        check: What its rules came to.
        clock: What time it is, UTC.

    Raises:
        UserError: another process changes them (exit code 75), or they cannot be written.
    """
    if not check.findings and not space.project.state.exists():
        return Recorded()
    if not os.access(space.project.root, os.W_OK):
        raise UserError(
            f"{space.project.root}: this user may not write here, so incidents cannot be kept; "
            "`lastseen check --dry-run` leaves them alone"
        )
    done: list[Recorded] = []
    handling.change(
        space.project, "check", lambda book: done.append(_recorded(space, book, check, clock))
    )
    return done[0]


def rehearse(space: Workspace, check: Check, clock: datetime) -> Recorded:
    """Say what a check would make of a project's incidents; they are left as they are."""
    with state_file.look(space.project.state) as state, copied(state) as twin:
        return _recorded(space, Book(twin), check, clock)


def _recorded(space: Workspace, book: Book, check: Check, clock: datetime) -> Recorded:
    if stale := incidents.stale(book, check.now, clock):
        return Recorded(stale=stale)
    return Recorded(incidents.update(book, check, space.settings.incidents))
