"""A made-up fleet in time: hosts, what is to be delivered to them, what is wrong, and what happens when."""

import heapq
import random
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.journal import Journal

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC).timestamp()
"""When each case is judged, in seconds since 1970, as are all moments in the lab."""
MINUTE = 60.0
HOUR = 3600.0
WINDOW = NOW - 6 * HOUR
"""From here on the logs are dense."""
HISTORY = NOW - 30 * HOUR
"""From here on there is anything at all."""
ROTATED = WINDOW - HOUR
"""The servers' logs, and Macs' unified logs, are kept from here on."""

Strike = Callable[["World", "Host", str], str | None]
"""Told what is tried; says how it fails, or None if it goes well all the same."""


@dataclass
class Trouble:
    """What makes one kind of step fail, for one host or for all."""

    cause: str
    strike: Strike


@dataclass
class Profile:
    """A configuration profile, or a declaration."""

    name: str
    key: str
    declaration: bool = False


@dataclass
class Command:
    """An MDM command for one host."""

    key: str
    host: "Host"
    kind: str
    made: float
    delivery: "Delivery | None" = None
    status: str = "Pending"
    updated: float = 0.0


@dataclass
class Delivery:
    """How far a profile is on its way to a host."""

    profile: Profile
    status: str | None
    """None until a command was made, which the API shows as pending."""
    since: float
    operation: str = "install"
    detail: str = ""
    retries: int = 0


@dataclass
class Host:
    """A Mac, an iPhone, or another machine."""

    number: int
    name: str
    key: str
    """Its hardware UUID."""
    serial: str
    platform: str
    version: str
    address: str
    zone_s: int
    drift_s: float
    laptop: bool
    seen: float
    details: float
    mdm_seen: float | None
    enrolled: float
    enrollment: str
    server_url: str = "https://fleet.example.com/mdm/apple/mdm"
    connected: bool = True
    refetch: bool = False
    awake: bool = True
    style: str = "ndjson"
    next_details: float = 0.0
    last_write: float = 0.0
    deliveries: list[Delivery] = field(default_factory=list)
    queue: list[Command] = field(default_factory=list)
    unsent: list[tuple[float, str, str | None]] = field(default_factory=list)
    """Lines of osqueryd that could not be sent yet."""

    @property
    def apple(self) -> bool:
        """Whether MDM manages it."""
        return self.platform in {"darwin", "ios"}

    @property
    def agent(self) -> bool:
        """Whether it runs orbit and osquery, and has been enrolled in them."""
        return self.platform != "ios" and self.enrolled > 0


@dataclass
class Habits:
    """How this fleet's server logs, and what stands before it."""

    generation: str
    debug: bool
    proxy: bool
    details_every: float


@dataclass
class Certificate:
    """Fleet's push certificate, as its API tells it."""

    name: str
    serial: int
    ends: float


class World:
    """Everything there is, at the moment that the simulation has reached."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)
        self.journal = Journal()
        self.now = HISTORY
        self.hosts: list[Host] = []
        self.commands: list[Command] = []
        self.activities: list[dict[str, Any]] = []
        self.waits: list[tuple[float, float, str, str]] = []
        """Lock waits in the database: from, to, who waits, who blocks."""
        self.errors: dict[str, tuple[int, float, str]] = {}
        """What ``/debug/errors`` tells: how often, when last, and what was said around it."""
        self.told_at = 0
        """When Fleet last wrote to its log, in nanoseconds."""
        self.habits = self._habits()
        self.push = Certificate(
            f"APSP:{self.uuid().lower()}", self.dice.getrandbits(60), NOW + 200 * 24 * HOUR
        )
        self.instance = f"{self.dice.getrandbits(160):040x}"
        self.benign: dict[str, set[str]] = defaultdict(set)
        """Causes that are true of a host though nobody is to mend them: it sleeps, it is switched off."""
        self.hits: set[tuple[str, str]] = set()
        """Causes, and the hosts that they struck."""
        self._troubles: dict[tuple[str, str | None], list[Trouble]] = defaultdict(list)
        self._events: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._count = 0

    def _habits(self) -> Habits:
        return Habits(
            self.dice.choice(["go-kit", "slog A", "slog B"]),
            self.chance(0.4),
            self.chance(0.75),
            self.dice.choice([10, 15]) * MINUTE,
        )

    def uuid(self) -> str:
        """Return a new UUID, in capitals as Apple writes them."""
        return str(uuid.UUID(int=self.dice.getrandbits(128), version=4)).upper()

    def at(self, when: float, act: Callable[..., object], *args: Any) -> None:
        """Let something happen at a moment; what lies before the history does not."""
        self._count += 1
        if when >= HISTORY:
            heapq.heappush(self._events, (when, self._count, act, args))

    def after(self, seconds: float, act: Callable[..., object], *args: Any) -> None:
        """Let something happen some seconds from now."""
        self.at(self.now + seconds, act, *args)

    def chance(self, share: float) -> bool:
        """Say yes in this share of cases."""
        return self.dice.random() < share

    def around(self, seconds: float, share: float = 0.1) -> float:
        """Return about so many seconds."""
        return seconds * self.dice.uniform(1 - share, 1 + share)

    def run(self) -> None:
        """Let everything happen until the case is judged."""
        while self._events and self._events[0][0] <= NOW:
            self.now, _, act, args = heapq.heappop(self._events)
            act(*args)
        self.now = NOW

    def trouble(self, channel: str, host: Host | None, cause: str, strike: Strike) -> Trouble:
        """Make a kind of step fail from now on, for one host or (None) for all."""
        made = Trouble(cause, strike)
        self._troubles[channel, host.name if host else None].append(made)
        return made

    def mend(self, channel: str, host: Host | None, trouble: Trouble) -> None:
        """Take a trouble away again."""
        self._troubles[channel, host.name if host else None].remove(trouble)

    def struck(self, channel: str, host: Host, what: str = "") -> str | None:
        """Try a step: None if it goes well, else how it fails. What is wrong on the way is met before the server."""
        for name in (host.name, None):
            for trouble in self._troubles[channel, name]:
                outcome = trouble.strike(self, host, what)
                if outcome is not None:
                    self.hits.add((trouble.cause, host.name))
                    return outcome
        return None

    def heard(self) -> Host:
        """Choose a host that is there and reaches Fleet."""
        there = [host for host in self.hosts if host.awake and self.now - host.seen < 5 * MINUTE]
        return self.dice.choice(there or self.hosts)
