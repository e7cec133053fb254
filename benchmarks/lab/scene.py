"""How a cause is put into a fleet: its variants, whom they strike, and what they show."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lab.journal import Losses
from lab.world import MINUTE, NOW, Host, World


@dataclass
class Scene:
    """One cause in one fleet."""

    world: World
    cause: str
    at: float
    """When it begins."""
    hosts: list[Host]
    """Whom it strikes."""
    everywhere: bool
    """Whether the server is struck, and so all."""
    losses: Losses
    shows: tuple[str, ...] = ()
    """Snapshots that show it by themselves."""
    fails: bool = False
    """Whether it makes steps fail, and so is true only of hosts that tried one."""

    def fail(
        self,
        channel: str,
        outcome: str = "failed",
        say: Callable[[World, Host, str], None] | None = None,
        *,
        only: Iterable[str] | None = None,
        at: float | None = None,
    ) -> None:
        """Make a kind of step fail from then on.

        Args:
            channel: The kind of step; README.md lists them.
            outcome: How it fails.
            say: Writes what the software then says.
            only: What it is about (a kind of command, a profile); None is all.
            at: When, if not when the cause begins.
        """

        def strike(world: World, host: Host, what: str) -> str | None:
            if only is not None and what not in only:
                return None
            if say:
                say(world, host, what)
            return outcome

        self.fails = True
        targets: list[Host | None] = [None] if self.everywhere else list(self.hosts)
        for target in targets:
            when = self.at if at is None else at
            self.world.at(when, self.world.trouble, channel, target, self.cause, strike)

    def each(self, act: Callable[[World, Host], None], after: float = 0.0) -> None:
        """Do something to each host that is struck, some seconds after the cause began."""
        for host in self.hosts:
            self.world.at(self.at + after + self.world.dice.uniform(0, 60), act, self.world, host)

    def true_of(self, host: Host) -> bool:
        """Say whether it is true of a host, when all is over."""
        struck = (self.cause, host.name) in self.world.hits
        if self.everywhere:
            return host in self.hosts or struck
        return host in self.hosts and (struck or not self.fails)

    def every(self, seconds: float, act: Callable[[World, Host], None]) -> None:
        """Do something to each host that is struck, again and again."""
        for host in self.hosts:
            at = self.at + self.world.dice.uniform(0, seconds)
            while at < NOW:
                self.world.at(at, act, self.world, host)
                at += self.world.around(seconds)


@dataclass(frozen=True)
class Variant:
    """One way in which a cause really occurs."""

    cause: str
    name: str
    begin: Callable[[Scene], None]
    reach: str
    """host (one), some, or server."""
    age: tuple[float, float]
    """How long before the case is judged it begins, in minutes."""
    shows: tuple[str, ...]
    """Snapshots that show the cause by themselves, once the trouble is there."""
    platform: str


VARIANTS: dict[str, list[Variant]] = {}
"""Every cause's variants."""
_LATE = (70.0, 170.0)
SLOW = (165.0, 235.0)
"""When a cause begins that shows only after details are two hours old, or a profile has long been verifying."""


def variant(
    cause: str,
    *,
    reach: str = "host",
    age: tuple[float, float] = _LATE,
    shows: tuple[str, ...] = (),
    platform: str = "darwin",
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Register what puts a variant of a cause into a fleet; the function's name is the variant's."""

    def register(begin: Callable[[Scene], None]) -> Callable[[Scene], None]:
        name = begin.__name__.replace("_", "-")
        made = Variant(cause, name, begin, reach, age, shows, platform)
        VARIANTS.setdefault(cause, []).append(made)
        return begin

    return register


def chosen(world: World, one: Variant) -> list[Host]:
    """Choose whom a variant strikes."""
    able = [h for h in world.hosts if h.platform == one.platform and h.enrolled]
    if one.reach == "server":
        return [h for h in world.hosts if h.apple and h.enrolled]
    some = min(len(able), world.dice.randrange(3, 7))
    return world.dice.sample(able, 1 if one.reach == "host" else some)


def begins(world: World, one: Variant) -> float:
    """Choose when a variant begins."""
    return NOW - world.dice.uniform(*one.age) * MINUTE


PAIRS = (
    ("push-certificate", "verification-stalled"), ("push-certificate", "osquery-stalled"),
    ("lock-contention", "request-storm"), ("lock-contention", "verification-stalled"),
    ("not-now", "verification-stalled"), ("queue-blocked", "verification-stalled"),
    ("command-failed", "osquery-stalled"), ("command-failed", "verification-stalled"),
    ("declaration-stuck", "command-failed"), ("declaration-stuck", "push-certificate"),
    ("identity-certificate", "osquery-stalled"), ("mdm-channel", "osquery-stalled"),
    ("agent-crash-loop", "push-certificate"), ("network", "push-certificate"),
    ("tls-trust", "push-certificate"), ("server-error", "not-now"),
)  # fmt: skip
"""Causes that can be true of one host at the same time, both of its trouble."""
