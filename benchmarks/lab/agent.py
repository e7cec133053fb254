"""The osquery side of a host: check-ins, orbit's config, details, and verification of profiles."""

from lab import central, own
from lab.world import HISTORY, HOUR, MINUTE, ROTATED, Delivery, Host, World

OSQUERY = "osquery/5.17.0"
ORBIT = "Go-http-client/2.0"
READ = "POST /api/osquery/distributed/read HTTP/1.1"
WRITE = "POST /api/osquery/distributed/write HTTP/1.1"
CONFIG = "POST /api/osquery/config HTTP/1.1"
LOG = "POST /api/osquery/log HTTP/1.1"
ORBIT_CONFIG = "POST /api/fleet/orbit/config HTTP/2.0"


def start(world: World) -> None:
    """Let every agent run."""
    for host in world.hosts:
        if host.agent:
            host.next_details = HISTORY + world.dice.uniform(0, HOUR)
            world.at(HISTORY + world.dice.uniform(0, MINUTE), _heartbeat, world, host)
            world.at(HISTORY + world.dice.uniform(0, MINUTE), _orbit_config, world, host)
            world.at(HISTORY + world.dice.uniform(0, HOUR), _orbit_token, world, host)


def _pace(world: World, seconds: float) -> float:
    """Return how long until next time: before the logs of requests begin, nobody sees the steps between."""
    return world.around(seconds if world.now >= ROTATED else 4 * seconds)


def _heartbeat(world: World, host: Host) -> None:
    world.after(_pace(world, MINUTE), _heartbeat, world, host)
    if not host.awake or world.struck("contact", host, "osquery") is not None:
        return
    host.seen = world.now
    if world.now - host.last_write > 10 * MINUTE or host.unsent:
        host.last_write = world.now
        central.request(world, host, CONFIG, OSQUERY)
        if world.struck("log", host) is None:
            central.request(world, host, LOG, OSQUERY)
            own.send(world, host)
    if world.struck("read", host) is not None:
        return
    central.request(world, host, READ, OSQUERY)
    if host.refetch or world.now >= host.next_details:
        _details(world, host)


def _details(world: World, host: Host) -> None:
    """Answer the detail queries; each hour, or when somebody asks."""
    host.next_details = world.now + world.around(HOUR)
    if world.struck("details", host) is not None:
        return
    central.request(world, host, WRITE, OSQUERY)
    host.details = world.now
    host.refetch = False
    for delivery in list(host.deliveries):
        if delivery.status == "verifying" and not delivery.profile.declaration:
            _verify(world, host, delivery)


def _verify(world: World, host: Host, delivery: Delivery) -> None:
    if world.struck("verify", host, delivery.profile.name) is None:
        delivery.status, delivery.since = "verified", world.now


def _orbit_config(world: World, host: Host) -> None:
    world.after(_pace(world, 3 * MINUTE), _orbit_config, world, host)
    if host.awake and world.struck("contact", host, "orbit") is None:
        central.request(world, host, ORBIT_CONFIG, ORBIT)


def _orbit_token(world: World, host: Host) -> None:
    world.after(HOUR, _orbit_token, world, host)
    own.orbit(world, host, "INF token TTL expired, rotating token")


def started(world: World, host: Host, proof: str | None = None) -> None:
    """Write what orbit says when it starts."""
    digest = f"{world.dice.getrandbits(512):0128x}"
    own.orbit(world, host, "INF found enroll secret in keystore: default keychain")
    own.orbit(world, host, f"INF hash(orbit)={digest}")
    own.orbit(world, host, "INF orbit version: 1.43.0", proof)
    own.orbit(world, host, "INF Found osquery version: 5.17.0", proof)
    own.orbit(world, host, "INF token rotation is enabled")
