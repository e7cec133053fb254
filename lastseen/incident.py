"""What an incident is: findings that are one trouble, its hosts, and the stages of its life."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from lastseen.causes import CAUSES

LASTSEEN = "lastseen"
"""Who moved an incident, where no person did."""


class Stage(StrEnum):
    """Where an incident stands."""

    PENDING = "pending"
    """So young that it may be gone before anybody is told."""
    OPEN = "open"
    REOPENED = "reopened"
    """Open again, under the number that it had."""
    ACKNOWLEDGED = "acknowledged"
    """Somebody has taken it on: it is not told again and again."""
    MUTED = "muted"
    """Somebody wants to hear nothing of it for a time."""
    INHIBITED = "inhibited"
    """It follows from an incident of the whole fleet, which is told in its place."""
    RESOLVED = "resolved"
    DROPPED = "dropped"
    """It was gone before it was open."""


ENDED = frozenset({Stage.RESOLVED, Stage.DROPPED})
TOLD = frozenset({Stage.OPEN, Stage.REOPENED, Stage.ACKNOWLEDGED})
"""Stages in which people are told of what changes."""


@dataclass(frozen=True)
class Transition:
    """One step in the life of an incident. Its moment is UTC."""

    at: datetime
    was: Stage | None
    """None where it begins."""
    stage: Stage
    """The same as before where only its hosts changed."""
    reason: str
    who: str


@dataclass(frozen=True)
class Notice:
    """Something that people are to be told of an incident, once."""

    incident: int
    kind: str
    """opened, reopened, changed, repeated or resolved."""
    at: datetime
    severity: str
    rule: str
    summary: str

    @property
    def key(self) -> str:
        """What makes it the same notice, however often it is sent."""
        return f"{self.incident}/{self.kind}/{self.at.timestamp():.6f}"


@dataclass(frozen=True)
class Member:
    """One host of an incident, or the server. Moments are UTC."""

    host: str | None
    """None is the server, or the whole fleet."""
    fingerprint: str
    since: datetime
    """The first evidence of its trouble."""
    until: datetime
    """The last evidence."""
    joined: datetime
    left: datetime | None
    """When it was known to be well again, or somebody said so."""
    severity: str
    summary: str


@dataclass(frozen=True)
class Incident:
    """Findings of one rule that are one trouble. Moments are UTC."""

    id: int
    rule: str
    cause: str | None
    labels: Mapping[str, str]
    """What besides the host tells it from other troubles of its rule."""
    severity: str
    title: str
    stage: Stage
    base: Stage
    """Its stage if it were neither muted nor inhibited."""
    since: datetime
    until: datetime
    seen: datetime
    """When lastseen first knew of it."""
    changed: datetime
    """When it came to its stage."""
    summary: str
    inhibited_by: int | None = None
    doubt: str | None = None
    """Why it is not known to be over, though nothing is seen of it any more."""
    noticed: datetime | None = None
    """When people were last to be told of it; None where never, or not since it was reopened."""
    members: Mapping[str | None, Member] = field(default_factory=dict)
    fresh: Sequence[Transition] = ()
    """Steps that are not written down yet."""
    over: str | None = None
    """Why its last host has left, until it is resolved for that."""

    @property
    def present(self) -> list[Member]:
        """The hosts that still have the trouble."""
        return [one for one in self.members.values() if one.left is None]

    @property
    def live(self) -> bool:
        """Whether it is not over."""
        return self.stage not in ENDED

    @property
    def serverwide(self) -> bool:
        """Whether it is the server's trouble, or the whole fleet's."""
        return None in self.members

    @property
    def group(self) -> tuple[object, ...]:
        """What the findings of one incident have in common."""
        return self.rule, tuple(sorted(self.labels.items())), self.serverwide

    def moved(self, stage: Stage, at: datetime, reason: str, who: str = LASTSEEN) -> "Incident":
        """Return it a step further."""
        step = Transition(at, self.stage, stage, reason, who)
        changed = self.changed if stage is self.stage else at
        return replace(self, stage=stage, changed=changed, fresh=(*self.fresh, step))

    def follows(self, other: "Incident", slack: timedelta) -> bool:
        """Say whether it may be a consequence of another one, which is the server's or the whole fleet's.

        Args:
            other: Which one.
            slack: How much earlier its first sign may lie: hosts and servers do not tell in the same instant.
        """
        return (
            other.serverwide
            and not self.serverwide
            and self.cause is not None
            and other.cause in CAUSES[self.cause].follows
            and self.since >= other.since - slack
        )


@dataclass(frozen=True)
class Mute:
    """What nobody wants to hear of for a time; what is None is anything. Moments are UTC."""

    id: int
    who: str
    reason: str
    rule: str | None
    host: str | None
    """A pattern: ``mac-*``."""
    cause: str | None
    since: datetime
    until: datetime
    """Up to but without."""

    def covers(self, incident: Incident, now: datetime) -> bool:
        """Say whether it silences an incident now: each host that still has the trouble must be meant."""
        return (
            self.since <= now < self.until
            and self.rule in {None, incident.rule}
            and self.cause in {None, incident.cause}
            and all(map(self._means, incident.present))
        )

    def _means(self, member: Member) -> bool:
        if self.host is None:
            return True
        return member.host is not None and fnmatchcase(member.host.lower(), self.host.lower())
