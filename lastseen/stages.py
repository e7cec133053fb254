"""The stage that each incident comes to, who is told of it; and what people do to one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from lastseen.incident import ENDED, TOLD, Incident, Mute, Notice, Stage
from lastseen.incident_book import Book
from lastseen.period import spell
from lastseen.settings import Incidents


def settle(
    book: Book,
    found: Mapping[int, Incident],
    before: Mapping[int, Incident],
    now: datetime,
    limits: Incidents,
) -> list[Notice]:
    """Bring each incident to its stage and write down what changed; return what people are to be told.

    Args:
        book: The incidents, open for changing.
        found: All that are live or were until now, by number, as they are now.
        before: Those that are in the book already, as they stand there.
        now: The present, UTC.
        limits: What lastseen.toml says of incidents.
    """
    mutes = book.mutes(now)
    settled: dict[int, Incident] = {}
    notices: list[Notice] = []
    # What is the whole fleet's comes first: it decides whether a host's trouble is told by itself.
    for one in sorted(found.values(), key=lambda one: (not one.serverwide, one.id)):
        inhibitor = _inhibitor(one, settled, book, limits)
        moved = _staged(one, _muted(one, mutes, now), inhibitor, now, limits)
        notice = _notice(moved, now, limits)
        if notice is not None:
            notices.append(notice)
            moved = replace(moved, noticed=now)
        settled[one.id] = moved
        if moved != before.get(one.id):
            book.write(moved)
    for notice in notices:
        book.tell(notice)
    return sorted(notices, key=lambda notice: notice.incident)


def _muted(one: Incident, mutes: Iterable[Mute], now: datetime) -> Mute | None:
    return next((mute for mute in mutes if mute.covers(one, now)), None)


def _inhibitor(
    one: Incident, settled: Mapping[int, Incident], book: Book, limits: Incidents
) -> Incident | None:
    """Return the incident of the whole fleet that one follows from, where one does."""
    for other in settled.values():
        if (
            other.live
            and other.base is not Stage.PENDING
            and one.follows(other, limits.group_within)
        ):
            return other
    if one.inhibited_by is None:
        return None
    # Hosts recover a little later than the server: they are told of where they fail on without it.
    former = settled.get(one.inhibited_by) or book.one(one.inhibited_by)
    outlived = former is None or one.until > former.until + limits.group_within
    return None if outlived else former


def _staged(
    one: Incident, mute: Mute | None, inhibitor: Incident | None, now: datetime, limits: Incidents
) -> Incident:
    """Return an incident at the stage that it has come to."""
    young = now - one.since < limits.group_wait
    ready = one.base is Stage.PENDING and not young and (one.present or one.seen == now)
    base = Stage.OPEN if ready else one.base
    if not one.present and one.live and not ready:
        return _over(one, now)
    stage, reason, by = base, _why(one, now), None
    if base is not Stage.PENDING and mute is not None:
        stage, reason = Stage.MUTED, _muting(mute)
    elif base is not Stage.PENDING and inhibitor is not None:
        stage, by = Stage.INHIBITED, inhibitor.id
        reason = f"it follows from incident {inhibitor.id}: {inhibitor.summary}"
    staged = replace(one, base=base, inhibited_by=by)
    if stage is not one.stage:
        staged = staged.moved(stage, now, reason)
    # What was over when it was first seen was open all the same.
    return staged if staged.present else _over(staged, now)


def _over(one: Incident, now: datetime) -> Incident:
    """Return an incident that no host has any more."""
    over = Stage.DROPPED if one.base is Stage.PENDING else Stage.RESOLVED
    why = one.over or "all its hosts have left"
    return replace(one.moved(over, now, why), base=over, over=None, doubt=None)


def _muting(mute: Mute) -> str:
    """Say which mute silences an incident."""
    told = f"mute {mute.id} of {mute.who}, until {mute.until:%Y-%m-%d %H:%M} UTC"
    return f"{told}: {mute.reason}" if mute.reason else told


def _why(one: Incident, now: datetime) -> str:
    """Say why an incident comes to be told of."""
    if one.base is Stage.PENDING:
        return f"it began {spell(now - one.since)} ago"
    if one.stage in ENDED:
        return f"found again {spell(now - one.changed)} after it was {one.stage}"
    if one.stage is Stage.MUTED:
        return "its mute is over"
    return f"it goes on, though incident {one.inhibited_by} is over"


def _notice(one: Incident, now: datetime, limits: Incidents) -> Notice | None:
    """Return what people are to be told of an incident now, where there is something."""
    kind = None
    steps = {step.stage for step in one.fresh if step.was is not step.stage}
    if one.stage is Stage.RESOLVED:
        told = one.noticed is not None or bool(steps & TOLD)
        kind = "resolved" if told and _was_told(one) else None
    elif one.stage not in TOLD:
        kind = None
    elif one.noticed is None:
        kind = "reopened" if one.base is Stage.REOPENED else "opened"
    elif now - one.noticed >= limits.group_interval and any(
        one.noticed < at <= now for m in one.members.values() for at in (m.joined, m.left) if at
    ):
        kind = "changed"
    elif one.stage is not Stage.ACKNOWLEDGED and now - one.noticed >= limits.repeat_interval:
        kind = "repeated"
    return None if kind is None else Notice(one.id, kind, now, one.severity, one.rule, one.summary)


def _was_told(one: Incident) -> bool:
    """Say whether an incident that has just been resolved was one that people hear of."""
    return bool(one.fresh) and one.fresh[-1].stage is Stage.RESOLVED and one.fresh[-1].was in TOLD
