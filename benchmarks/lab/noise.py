"""What goes on in every fleet and is nobody's trouble."""

from collections.abc import Callable

from lab import agent, central, mdm, own, server
from lab.world import HISTORY, HOUR, MINUTE, NOW, ROTATED, WINDOW, Host, Profile, World

Sparing = frozenset[str]
"""Names of hosts that nothing but the case's own trouble shall befall."""


def start(world: World, sparing: Sparing) -> None:
    """Let it go on; hosts of the case are spared what would look like their trouble."""
    others = [host for host in world.hosts if host.enrolled and host.name not in sparing]
    for act in (_server_noise, _scanners, _deadlocks, _restart, _rollouts):
        act(world)
    for host in world.hosts:
        _own_noise(world, host)
    for act_on, share in _HABITS:
        for host in others:
            if world.dice.random() < share:
                act_on(world, host)


def _often(world: World, mean: float, since: float = ROTATED) -> list[float]:
    """Return moments that come at random, so many seconds apart on average."""
    found = []
    at = since + world.dice.expovariate(1 / mean)
    while at < NOW:
        found.append(at)
        at += world.dice.expovariate(1 / mean)
    return found


def _server_noise(world: World) -> None:
    for at in _often(world, 25 * MINUTE):
        world.at(at, _benign_error, world)
    for at in _often(world, 2 * HOUR):
        world.at(at, _buffered, world)


def _buffered(world: World) -> None:
    file = f"/var/cache/nginx/client_temp/{int(world.now) % 10**10:010d}"
    said = (
        f"a client request body is buffered to a temporary file {file}, client: {world.heard().address}, "
        f'server: fleet.example.com, request: "{agent.LOG}", host: "fleet.example.com"'
    )
    central.nginx_error(world, "warn", said)


def _benign_error(world: World) -> None:
    host = world.heard()
    token = world.uuid().lower()
    desktop = {"component": "http", "method": "GET", "uri": f"/api/latest/fleet/device/{token}/desktop",
               "took": 0.0037, "ip_addr": "203.0.113.20", "x_for_ip_addr": host.address}  # fmt: skip
    fields = world.dice.choice([
        {**desktop, "err": "Requires Fleet Premium license"},
        {"component": "http", "path": desktop["uri"], "err": ": Authentication required",
         "internal": "authentication error: invalid device authentication token"},
        {**desktop, "method": "POST", "uri": "/api/osquery/distributed/write", "host_id": host.number,
         "err": "error in query ingestion", "ingestion-err": "campaign waiting for listener (please retry)"},
    ])  # fmt: skip
    central.fleet(world, "error" if "took" in fields else "info", fields, host)


def _scanners(world: World) -> None:
    for at in _often(world, 40 * MINUTE):
        address = f"203.0.113.{world.dice.randrange(100, 250)}"
        alert = world.dice.choice([
            "EOF", "tls: client offered only unsupported versions: [301]",
            "local error: tls: bad record MAC", "remote error: tls: bad certificate",
        ])  # fmt: skip
        world.at(at, central.handshake, world, None, address, alert, None)


def _deadlocks(world: World) -> None:
    for at in _often(world, 4 * HOUR):
        world.at(at, _deadlock, world)
    for at in _often(world, 5 * HOUR):
        said = "IP address '203.0.113.77' could not be resolved: Name or service not known"
        world.at(at, central.mysql, world, f"0 [Warning] [MY-010055] [Server] {said}")


def _deadlock(world: World) -> None:
    central.deadlock(
        world,
        "nano_enrollments",
        ("UPDATE nano_enrollments SET last_seen_at = CURRENT_TIMESTAMP WHERE id IN ('A', 'B')",)
        * 2,
        None,
    )
    err = "Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction"
    fields = {"msg": "error batch updating nano_enrollments.last_seen_at", "err": err}
    central.fleet(world, "info", fields)
    central.keep_error(world, err, fields["msg"])


def _restart(world: World) -> None:
    """Let Fleet be updated once, well before the trouble, in some fleets."""
    if world.chance(0.5):
        world.at(WINDOW + world.dice.uniform(0, HOUR), restart, world)


def restart(world: World) -> None:
    """Start Fleet anew."""
    world.instance = f"{world.dice.getrandbits(160):040x}"
    central.fleet(
        world, "info", {"transport": "http", "address": "0.0.0.0:8080", "msg": "listening"}
    )
    host = world.heard()
    why = "connect() failed (111: Connection refused) while connecting to upstream"
    central.upstream_failed(world, host, agent.READ, why, None)
    central.request(world, host, agent.READ, agent.OSQUERY, 502)


def _rollouts(world: World) -> None:
    """Let a profile and a declaration go out before the trouble, and go well."""
    for name, declaration in (("Printers", False), ("Passcode rules", True)):
        at = WINDOW + world.dice.uniform(0, 90) * MINUTE
        profile = Profile(name, world.uuid().lower(), declaration)
        hosts = [host for host in world.hosts if host.apple and host.mdm_seen]
        world.at(at, server.rollout, world, profile, hosts)


def _own_noise(world: World, host: Host) -> None:
    for at in _often(world, 70 * MINUTE):
        process, level, subsystem, category, said = world.dice.choice(_UNIFIED)
        whence = (process, level, subsystem, category)
        world.at(at, own.unified, world, host, whence, said)
    for at in _often(world, 5 * HOUR, HISTORY):
        said = world.dice.choice(_OSQUERY)
        world.at(at, own.osqueryd, world, host, "W", said)


_UNIFIED = (
    ("apsd", "Info", "com.apple.apsd", "courier", "<private>: Stream processing: complete, connected on interface en0"),
    ("timed", "Default", "com.apple.timed", "text", "cmd,apply,src,adjtime,adjust,-0.007764578,success,"),
    ("mdmclient", "Error", "com.apple.libsqlite3", "logging-persist", "cannot open file at line 53007 of [8fa8248e30]"),
    ("mdmclient", "Error", "com.apple.apsd", "", "Connection Invalid for service com.apple.apsd"),
    ("trustd", "Default", "com.apple.securityd", "ocsp",
     "ocsp responder: (null) did not include status of requested cert"),
    ("apsd", "Fault", "com.apple.apsd", "",
     "Unable to get entitled topics. Error: Error Domain=NSPOSIXErrorDomain Code=3 No such process"),
)  # fmt: skip
_USER = (
    "virtual_table.cpp:971] The chrome_extensions table returns data based on the current user by default, "
    "consider JOINing against the users table"
)
_OSQUERY = (
    _USER,
    "config.cpp:363] Scheduled query may have failed: pack/Global/usb_devices",
)


def sleep(world: World, host: Host, why: str, proof: str | None = None) -> None:
    """Let a Mac sleep, and say so in its own log."""
    power = ("powerd", "Default", "com.apple.powerd", "sleepWake")
    own.unified(
        world, host, power, f"Entering Sleep state due to '{why}': Using Batt (Charge:71%)", proof
    )
    own.unified(world, host, ("kernel", "Default", "", ""), "PMRD: System Sleep", proof)
    host.awake = False


def wake(world: World, host: Host) -> None:
    """Let a Mac wake up."""
    if not host.awake:
        host.awake = True
        own.unified(world, host, ("kernel", "Default", "", ""), "PMRD: System Wake")
        said = "Wake from Deep Idle [CDNVA] : due to NUB.SPMI0Sw3IRQ"
        own.unified(world, host, ("powerd", "Default", "com.apple.powerd", "sleepWake"), said)


def _naps(world: World, host: Host) -> None:
    if host.laptop:
        for at in _often(world, 3 * HOUR, WINDOW):
            world.at(at, _nap, world, host)


def _nap(world: World, host: Host) -> None:
    if host.awake:
        world.benign[host.name] |= {"host-asleep", "host-offline"}
        sleep(world, host, world.dice.choice(["Clamshell Sleep", "Idle Sleep"]))
        world.after(world.dice.uniform(5, 50) * MINUTE, wake, world, host)


def _off_overnight(world: World, host: Host) -> None:
    on_again = WINDOW + world.dice.gauss(-HOUR, HOUR / 2)
    if world.chance(0.1):
        on_again = NOW + HOUR
        world.benign[host.name] |= {"host-offline", "host-asleep"}
    world.at(HISTORY + world.dice.uniform(2, 6) * HOUR, _switched_off, host)
    world.at(on_again, _switched_on, world, host)


def _switched_off(host: Host) -> None:
    host.awake = False


def _switched_on(world: World, host: Host) -> None:
    host.awake = True
    agent.started(world, host)


def _travels(world: World, host: Host) -> None:
    if host.laptop:
        at = WINDOW + world.dice.uniform(0, 4) * HOUR
        world.at(at, _moved, host, f"192.0.2.{100 + host.number}")


def _moved(host: Host, address: str) -> None:
    host.address = address


def _blinks(world: World, host: Host) -> None:
    """Let a host's network fail for two minutes."""
    world.at(WINDOW + world.dice.uniform(0, 5.5) * HOUR, _blink, world, host)


def _blink(world: World, host: Host) -> None:
    def strike(world: World, host: Host, what: str) -> str:
        if what == "orbit":
            own.orbit(world, host, orbit_failed("dial tcp 203.0.113.20:443: i/o timeout"))
        return "no way"

    trouble = world.trouble("contact", host, "", strike)
    world.after(2 * MINUTE, world.mend, "contact", host, trouble)


def orbit_failed(why: str) -> str:
    """Return what orbit says when it does not get its configuration."""
    url = "https://fleet.example.com/api/fleet/orbit/config"
    return (
        'INF ext update failed error="extensionsUpdate: error getting extensions config from fleet: '
        f'POST /api/fleet/orbit/config: Post \\"{url}\\": {why}"'
    )


def _worker_killed(world: World, host: Host) -> None:
    at = WINDOW + world.dice.uniform(0, 5.8) * HOUR
    world.at(at, own.osqueryd, world, host, "W", worker_stopped(4711))


def worker_stopped(process: int) -> str:
    """Return what osqueryd says when the watchdog stops its worker for using too much of a core."""
    reason = "Maximum sustainable CPU utilization limit 1200ms exceeded for 9 seconds"
    return f"watcher.cpp:425] osqueryd worker ({process}) stopping: {reason}"


def _orbit_restarts(world: World, host: Host) -> None:
    world.at(WINDOW + world.dice.uniform(0, 5.8) * HOUR, agent.started, world, host)


def _one_not_now(world: World, host: Host) -> None:
    """Let a Mac put off one command, and come back when it can."""
    if host.platform != "darwin":
        return
    world.at(WINDOW, _puts_off, world, host)


def _puts_off(world: World, host: Host) -> None:
    def strike(world: World, host: Host, what: str) -> str | None:
        if what != "InstallProfile":
            return None
        reason = "Not supported during DarkWake"
        said = f"Responding 'NotNow' to server request: {what} for: <Device> reason: {reason}"
        own.unified(world, host, mdm.CLIENT, said)
        world.mend("answer", host, trouble)
        world.after(world.dice.uniform(4, 9) * MINUTE, mdm.connect, world, host)
        return "NotNow"

    trouble = world.trouble("answer", host, "", strike)


_HABITS: tuple[tuple[Callable[[World, Host], None], float], ...] = (
    (_naps, 0.3), (_off_overnight, 0.25), (_travels, 0.1), (_blinks, 0.1), (_worker_killed, 0.08),
    (_orbit_restarts, 0.08), (_one_not_now, 0.1),
)  # fmt: skip
"""What befalls some hosts, and how many of them."""
