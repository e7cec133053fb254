"""Makes one case: a fleet with a cause or two in it, its logs, and the truth."""

from dataclasses import dataclass
from pathlib import Path

from lab import (
    agent,
    causes_agent,
    causes_mdm,
    causes_server,
    causes_trust,
    fleet,
    losses,
    noise,
    scene,
    server,
    snapshots,
    truth,
)
from lab.journal import save_json
from lab.scene import VARIANTS, Scene, Variant
from lab.world import MINUTE, Host, Profile, World

CATALOGUE = (causes_agent, causes_mdm, causes_trust, causes_server)
"""The modules whose variants are known; importing them registers the variants."""


@dataclass(frozen=True)
class Case:
    """What is put into a fleet."""

    causes: tuple[str, ...]
    """None for a healthy fleet, one, or two."""
    variants: tuple[int, ...]
    seed: int

    @property
    def name(self) -> str:
        """Return a name for a folder: the causes, their variants, the seed."""
        words = [one.name for one in self.chosen()]
        return "+".join(
            [*self.causes, *words, str(self.seed)] if words else ["healthy", str(self.seed)]
        )

    def chosen(self) -> list[Variant]:
        """Return the variants by which the causes are put in."""
        return [
            VARIANTS[cause][number % len(VARIANTS[cause])]
            for cause, number in zip(self.causes, self.variants, strict=True)
        ]


def write(case: Case, folder: Path) -> dict[str, object]:
    """Write a case's logs and ``truth.json``; return the truth."""
    world = World(case.name)
    fleet.build(world)
    scenes = _scenes(world, case)
    lost = scenes[0].losses if scenes else losses.drawn(world, set())
    struck = {host.name for one in scenes if not one.everywhere for host in one.hosts}
    server.start(world)
    agent.start(world)
    snapshots.start(world)
    noise.start(world, frozenset(struck))
    world.run()
    world.journal.save(folder, lost)
    told = truth.tell(world, case.name, scenes, lost)
    save_json(folder / "truth.json", told)
    return told


def _scenes(world: World, case: Case) -> list[Scene]:
    """Put the causes in; two strike the same hosts, and each is followed by something to roll out."""
    variants = case.chosen()
    narrow = min(
        variants, key=lambda one: ("host", "some", "server").index(one.reach), default=None
    )
    hosts = scene.chosen(world, narrow) if narrow else []
    lost = losses.drawn(
        world, {host.name for host in hosts} if len(hosts) < len(world.hosts) / 2 else set()
    )
    made = []
    for number, one in enumerate(variants):
        everywhere = one.reach == "server"
        whom = scene.chosen(world, one) if everywhere else hosts
        found = Scene(world, one.cause, scene.begins(world, one), whom, everywhere, lost, one.shows)
        one.begin(found)
        profile = Profile(_NAMES[number], world.uuid().lower())
        world.at(found.at + world.dice.uniform(3, 8) * MINUTE, _roll_out, world, profile)
        made.append(found)
    return made


def _roll_out(world: World, profile: Profile) -> None:
    hosts = [host for host in world.hosts if host.apple and host.enrolled and host.mdm_seen]
    server.rollout(world, profile, _enrolled(hosts))


def _enrolled(hosts: list[Host]) -> list[Host]:
    return [host for host in hosts if host.enrollment != "Pending"]


_NAMES = ("VPN certificate", "Energy saver")
