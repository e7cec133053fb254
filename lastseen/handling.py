"""What people do to incidents: take one on, end one, silence some for a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from lastseen import lock
from lastseen.causes import CAUSES
from lastseen.config import nearest
from lastseen.errors import UserError
from lastseen.incident import TOLD, Incident, Mute, Notice, Stage
from lastseen.incident_book import Book
from lastseen.project import Project
from lastseen.settings import Incidents
from lastseen.stages import settle
from lastseen.state import State

WAIT = timedelta(seconds=30)
"""How long whoever changes incidents waits for another who does."""


def change(project: Project, what: str, does: Callable[[Book], object]) -> None:
    """Change the incidents of a project, all of it or, on an error, nothing.

    Args:
        project: Whose.
        what: What others are told who want to.
        does: The change.

    Raises:
        UserError: another process changes them (exit code 75), or they cannot be written.
    """
    with (
        lock.writing(project.incidents_lock, what, WAIT),
        State(project.state) as state,
        state.change(),
    ):
        does(Book(state))


def known(book: Book, number: int) -> Incident:
    """Return the incident of a number.

    Raises:
        UserError: there is none.
    """
    found = book.one(number)
    if found is None:
        raise UserError(f"there is no incident {number}; `lastseen incidents --all` lists them")
    return found


def acknowledge(book: Book, number: int, who: str, reason: str, now: datetime) -> None:
    """Note that somebody has taken an incident on.

    Raises:
        UserError: there is no such incident, or it is over.
    """
    one = _live(book, number)
    if one.base is Stage.ACKNOWLEDGED:
        return
    silenced = one.stage in {Stage.MUTED, Stage.INHIBITED}
    stage = one.stage if silenced else Stage.ACKNOWLEDGED
    book.write(replace(one.moved(stage, now, reason, who), base=Stage.ACKNOWLEDGED))


def resolve(book: Book, number: int, who: str, reason: str, now: datetime) -> None:
    """End an incident; newer evidence of it opens it again.

    Raises:
        UserError: there is no such incident, or it is over.
    """
    one = _live(book, number)
    members = {
        host: replace(member, left=member.left or now) for host, member in one.members.items()
    }
    over = replace(one.moved(Stage.RESOLVED, now, reason, who), members=members)
    book.write(replace(over, base=Stage.RESOLVED, doubt=None))
    if one.stage in TOLD and one.noticed is not None:
        book.tell(Notice(number, "resolved", now, one.severity, one.rule, one.summary))


def mute(book: Book, mute: Mute, now: datetime, limits: Incidents) -> int:
    """Silence incidents for a time; return the mute's number.

    Raises:
        UserError: it would silence everything, never begin, or names a cause that there is not.
    """
    if mute.rule is None and mute.host is None and mute.cause is None:
        raise UserError("say what to mute: --rule, --host or --cause, or several of them")
    if mute.cause is not None and mute.cause not in CAUSES:
        raise UserError(f'no cause is called "{mute.cause}"; {nearest(mute.cause, list(CAUSES))}')
    if mute.until <= max(mute.since, now):
        raise UserError("a mute must end after it begins, and after now")
    number = book.mute(mute, now)
    _restage(book, now, limits)
    return number


def unmute(book: Book, number: int, now: datetime, limits: Incidents) -> None:
    """End a mute now.

    Raises:
        UserError: there is no such mute, or it is over.
    """
    if all(one.id != number for one in book.mutes(now)):
        raise UserError(
            f"there is no mute {number} that is not over; `lastseen incidents mutes` lists them"
        )
    book.unmute(number, now)
    _restage(book, now, limits)


def _restage(book: Book, now: datetime, limits: Incidents) -> None:
    live = {one.id: one for one in book.live()}
    settle(book, live, live, now, limits)


def _live(book: Book, number: int) -> Incident:
    one = known(book, number)
    if not one.live:
        raise UserError(
            f"incident {number} is over: it was {one.stage} at {one.changed:%Y-%m-%d %H:%M} UTC"
        )
    return one
