"""What ``lastseen why`` answers: the state, what brought it about, what did not, and what nobody can know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lastseen.scoring import ACCUSED

_NAMES = ("cause", "scope", "score", "since", "summary", "reasoning")


@dataclass(frozen=True)
class Evidence:
    """A row that shows a cause. ``ts`` is UTC; ``file`` and ``line`` say where it stands, if a line says it."""

    ts: datetime | None
    table: str
    emitter: str | None
    file: str | None
    line: int | None
    message: str


@dataclass(frozen=True)
class Accused:
    """A cause that something speaks for."""

    cause: str
    scope: str
    """``host``, or ``server`` where it holds for everybody."""
    score: float
    """From 0 to 1; from 0.5 on it is accused, below it is a weak hint."""
    since: datetime
    until: datetime
    summary: str
    reasoning: str
    """How the score came about."""
    rules: Sequence[str]
    """The rules that found it, the weightiest first."""
    evidence: Sequence[Evidence] = ()
    count: int = 0
    """Rows of evidence that were read, of which the first are kept."""
    cut: bool = False
    """Whether there are more than were read."""
    follows: str | None = None
    """The accused cause that this one is a consequence of."""

    @property
    def accused(self) -> bool:
        """Whether it is more than a hint."""
        return self.score >= ACCUSED


@dataclass(frozen=True)
class RuledOut:
    """A cause that would have shown, and did not."""

    cause: str
    by: str


@dataclass(frozen=True)
class Unknown:
    """A cause that nothing can be said of."""

    cause: str
    missing: str


@dataclass(frozen=True)
class Diagnosis:
    """The answer for one host at one moment; all times are UTC."""

    host: str
    state: str
    since: datetime | None
    """When that state began, at the latest."""
    not_before: datetime | None
    """The last moment at which it was known to be otherwise."""
    known_until: datetime | None
    normal_within: timedelta | None
    now: datetime
    about: Mapping[str, Any] = field(default_factory=dict)
    """What the inventory knows of the host, and what was known of it last."""
    causes: Sequence[Accused] = ()
    ruled_out: Sequence[RuledOut] = ()
    unknown: Sequence[Unknown] = ()

    @property
    def age(self) -> timedelta | None:
        """How long the state has held."""
        return None if self.since is None else self.now - self.since

    @property
    def accused(self) -> list[Accused]:
        """The causes that are more than hints, the most likely first."""
        return [cause for cause in self.causes if cause.accused]

    def as_json(self) -> dict[str, Any]:
        """Return it as ``why --json`` prints it."""
        return {
            "host": self.host,
            "now": self.now,
            "state": self.state,
            "since": self.since,
            "not_before": self.not_before,
            "known_until": self.known_until,
            "normal_within_s": self.normal_within.total_seconds() if self.normal_within else None,
            "causes": [
                {
                    **{name: getattr(one, name) for name in _NAMES},
                    "follows": one.follows,
                    "rules": list(one.rules),
                    "evidence": [vars(row) for row in one.evidence],
                }
                for one in self.causes
            ],
            "ruled_out": [vars(one) for one in self.ruled_out],
            "unknown": [vars(one) for one in self.unknown],
        }
