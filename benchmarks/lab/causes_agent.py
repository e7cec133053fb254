"""Causes on the osquery side of a host: gone, asleep, cut off, crashing, stalled."""

from functools import partial

from lab import agent, central, noise, own
from lab.scene import SLOW, Scene, variant
from lab.world import HOUR, MINUTE, Host, World

_URL = "https://fleet.example.com/api/fleet/orbit/config"


def off(_: World, host: Host) -> None:
    """Cut a host's power."""
    host.awake = False


@variant("host-offline", shows=("fleet_hosts", "nginx_access"))
def switched_off(scene: Scene) -> None:
    """Somebody switched the Mac off and went home."""
    scene.each(off)


@variant("host-offline", reach="some", platform="ubuntu", shows=("fleet_hosts", "nginx_access"))
def machines_gone(scene: Scene) -> None:
    """Machines of one rack lost their power."""
    scene.each(off)


@variant("host-asleep")
def lid_closed(scene: Scene) -> None:
    """The lid was closed, and stays so."""
    scene.each(lambda world, host: noise.sleep(world, host, "Clamshell Sleep", scene.cause))


@variant("host-asleep", reach="some")
def dark_wakes(scene: Scene) -> None:
    """Macs sleep, and wake in the dark for some seconds each while, too short for a check-in."""
    scene.each(lambda world, host: noise.sleep(world, host, "Idle Sleep", scene.cause))
    scene.every(25 * MINUTE, partial(_dark_wake, cause=scene.cause))


def _dark_wake(world: World, host: Host, cause: str) -> None:
    if host.awake:
        return
    host.awake = True
    power = ("powerd", "Default", "com.apple.powerd", "sleepWake")
    said = (
        "DarkWake from Normal Sleep [CDN] : due to RTC/Maintenance Using Batt (Charge:64%) 45 secs"
    )
    own.unified(world, host, power, said, cause)
    own.unified(
        world, host, power, "Entering Sleep state due to 'Maintenance Sleep': Using Batt", cause
    )
    host.awake = False


def _cut_off(scene: Scene, why: str) -> None:
    def say(world: World, host: Host, what: str) -> None:
        if what == "orbit":
            own.orbit(world, host, noise.orbit_failed(why), scene.cause)
            flags = f'error getting flags from fleet: POST /api/fleet/orbit/config: Post \\"{_URL}\\": {why}'
            own.orbit(world, host, f'INF flags updates failed error="{flags}"', scene.cause)

    scene.fail("contact", "no way", say)
    scene.fail("wake")
    scene.fail("mdm")


@variant("network", reach="some")
def names_not_found(scene: Scene) -> None:
    """The office's DNS does not know Fleet's name any more."""
    _cut_off(scene, "dial tcp: lookup fleet.example.com on 192.0.2.53:53: no such host")


@variant("network")
def connection_refused(scene: Scene) -> None:
    """A firewall answers in Fleet's place, and refuses."""
    _cut_off(scene, "dial tcp 203.0.113.20:443: connect: connection refused")


@variant("network")
def no_answer(scene: Scene) -> None:
    """Packets to Fleet are dropped."""
    _cut_off(scene, "dial tcp 203.0.113.20:443: i/o timeout")


@variant("network")
def captive_portal(scene: Scene) -> None:
    """A portal answers every request with its own page until somebody logs in."""

    def say(world: World, host: Host, what: str) -> None:
        if what == "orbit":
            said = "client update: invalid character '<' looking for beginning of value"
            own.orbit(world, host, f'INF update metadata error="{said}"', scene.cause)

    scene.fail("contact", "portal", say)
    scene.fail("wake")
    scene.fail("mdm")


@variant("agent-crash-loop")
def orbit_restarts(scene: Scene) -> None:
    """Orbit dies seconds after each start, before osqueryd gets to a check-in."""
    scene.fail("contact", "dead")
    scene.every(40, lambda world, host: agent.started(world, host, scene.cause))


@variant("agent-crash-loop", reach="some")
def worker_respawns(scene: Scene) -> None:
    """The watchdog kills osqueryd's worker for its memory, again and again."""

    def crash(world: World, host: Host) -> None:
        pid = world.dice.randrange(900, 9000)
        said = f"watcher.cpp:425] osqueryd worker ({pid}) stopping: Memory limits exceeded: 209715200 bytes"
        own.osqueryd(world, host, "W", said, scene.cause)
        respawns = f"watcher.cpp:666] osqueryd worker respawning too quickly: {world.dice.randrange(3, 9)} times"
        own.osqueryd(world, host, "W", respawns, scene.cause)

    def orbit_lives(world: World, host: Host, what: str) -> None:
        if what == "orbit":
            central.request(world, host, agent.ORBIT_CONFIG, agent.ORBIT)

    scene.fail("contact", "dead", orbit_lives)
    scene.every(2 * MINUTE, crash)


@variant("agent-crash-loop")
def desktop_cannot_open(scene: Scene) -> None:
    """Orbit gives up because Fleet Desktop cannot be opened while nobody is logged in."""

    def crash(world: World, host: Host) -> None:
        agent.started(world, host, scene.cause)
        path = "/opt/orbit/bin/desktop/macos/stable/Fleet Desktop.app"
        own.orbit(world, host, f'INF opening path="{path}"', scene.cause)
        own.bare(
            world, host,
            "The application cannot be opened for an unexpected reason, error=Error "
            'Domain=NSOSStatusErrorDomain Code=-10822 "kLSServerCommunicationErr: The server process '
            '(registration and recent items) is not available" UserInfo={_LSLine=517, '
            "_LSFunction=-[_LSRemoteOpenCall invokeWithError:]}",
            scene.cause,
        )  # fmt: skip

    scene.fail("contact", "dead")
    scene.every(MINUTE, crash)


@variant("osquery-stalled", age=SLOW, shows=("fleet_hosts",))
def details_denied(scene: Scene) -> None:
    """A detail query was running when the watchdog struck, and is not run again for a day."""

    def say(world: World, host: Host, _: str) -> None:
        fields = {"query": "fleet_detail_query_mdm_config_profiles_darwin",
                  "message": "distributed query is denylisted", "hostID": host.number}  # fmt: skip
        central.fleet(world, "debug", fields, host, scene.cause)

    def killed(world: World, host: Host) -> None:
        own.osqueryd(world, host, "W", noise.worker_stopped(5120), scene.cause)

    scene.each(killed)
    scene.fail("details", "denied", say)


@variant("osquery-stalled", reach="some", age=SLOW, shows=("fleet_hosts",))
def reads_stopped(scene: Scene) -> None:
    """Osqueryd sends logs and asks for its configuration, but for no queries."""
    scene.fail("read", "stopped")


@variant("osquery-stalled", age=SLOW, shows=("fleet_hosts",))
def vitals_never_come(scene: Scene) -> None:
    """Somebody asks for the host's vitals; they are never sent."""

    def ask(world: World, host: Host) -> None:
        host.refetch = True
        uri = f"/api/latest/fleet/hosts/{host.number}/refetch"
        fields = {
            "component": "http",
            "user": "ada@example.com",
            "method": "POST",
            "uri": uri,
            "took": 0.01,
        }
        central.fleet(world, "info", fields, host)

    scene.fail("details", "never")
    scene.each(ask, HOUR)
