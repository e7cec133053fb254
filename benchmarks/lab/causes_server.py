"""Causes at the server: locks, storms, errors, and logs that nobody collected."""

from lab import agent, central, mdm, own, server
from lab.scene import SLOW, Scene, variant
from lab.world import HOUR, MINUTE, NOW, Host, World

_WAIT = "Error 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"


def _job_fails(scene: Scene, why: str) -> None:
    """Let the profile manager's run fail, so that no command is made."""

    def say(world: World, _host: Host, _: str) -> None:
        extra = {"err": "running job", "details": why, "jobID": "manage_apple_profiles"}
        server.scheduled(world, "mdm_apple_profile_manager", "", extra, scene.cause)
        central.keep_error(world, why.rpartition("profiles: ")[2], "updating host profiles")

    scene.fail("schedule", "failed", say)


def _waits(scene: Scene, waiting: str, blocking: str, count: int) -> None:
    """Let transactions wait for a lock every few minutes, fifty seconds at a time."""
    at = scene.at
    while at < NOW:
        for _ in range(count):
            scene.world.waits.append((at, at + 50, waiting, blocking))
        at += scene.world.around(75)


@variant("lock-contention", reach="server", shows=("fleet_db_locks",))
def manager_waits(scene: Scene) -> None:
    """A long transaction holds the profiles' table; the profile manager gives up each time."""
    _job_fails(scene, f"updating host profiles: {_WAIT}")
    _waits(
        scene,
        "DELETE FROM host_mdm_apple_profiles WHERE host_uuid IN (?)",
        "UPDATE nano_enrollments SET last_seen_at = CURRENT_TIMESTAMP WHERE id IN (?)",
        2,
    )
    for number in range(6):
        statements = (
            "DELETE FROM host_mdm_apple_profiles WHERE host_uuid IN ('A')",
            "INSERT INTO host_mdm_apple_profiles (host_uuid, profile_uuid) VALUES ('A', 'B')",
        )
        when = scene.at + number * 15 * MINUTE
        scene.world.at(
            when, central.deadlock, scene.world, "host_mdm_apple_profiles", statements, scene.cause
        )


@variant("lock-contention", reach="server", age=SLOW, shows=("fleet_db_locks",))
def details_wait(scene: Scene) -> None:
    """Hosts' details cannot be written: the software tables are locked."""

    def say(world: World, host: Host, _: str) -> None:
        fields = {
            "component": "http", "method": "POST", "uri": "/api/osquery/distributed/write",
            "took": world.dice.uniform(50.0, 50.2), "ip_addr": "203.0.113.20",
            "x_for_ip_addr": host.address, "host_id": host.number, "err": "error in query ingestion",
            "ingestion-err": "ingesting query software_macos: update host software: delete host "
            f"software: {_WAIT}",
        }  # fmt: skip
        central.fleet(world, "error", fields, host, scene.cause)
        central.keep_error(world, _WAIT, "error in query ingestion")
        host.next_details = world.now + world.around(10 * MINUTE)

    scene.fail("details", "lock wait", say)
    _waits(
        scene,
        "DELETE FROM host_software WHERE host_id = ? AND software_id IN (?)",
        "UPDATE hosts SET team_id = ? WHERE id IN (?)",
        3,
    )


@variant("lock-contention")
def locked_on_the_mac(scene: Scene) -> None:
    """A database on the Mac itself is locked, and mdmclient waits for it without end."""

    def say(world: World, host: Host, _: str) -> None:
        sqlite = ("mdmclient", "Error", "com.apple.libsqlite3", "logging")
        said = 'database is locked in "INSERT INTO profiles (identifier, uuid, installed) VALUES (?, ?, ?)"'
        own.unified(world, host, sqlite, said, scene.cause)

    scene.fail("answer", "silent", say)


@variant("lock-contention")
def osquery_database_locked(scene: Scene) -> None:
    """Another osqueryd holds the database, so the agent's own never starts."""

    def crash(world: World, host: Host) -> None:
        said = (
            "rocksdb.cpp:90] Opening RocksDB failed: IO error: While lock file: /opt/orbit/osquery.db/LOCK: "
            "Resource temporarily unavailable"
        )
        own.osqueryd(world, host, "W", said, scene.cause)
        own.osqueryd(
            world,
            host,
            "E",
            "init.cpp:421] [Ref #1629] osqueryd initialize failed: Could not open RocksDB",
            scene.cause,
        )

    scene.fail("contact", "no database")
    scene.every(2 * MINUTE, crash)


@variant("request-storm", reach="server", age=SLOW)
def everybody_refetched(scene: Scene) -> None:
    """A script asks all hosts for their vitals again and again; the server cannot keep up."""
    world = scene.world

    def ask_all() -> None:
        for host in world.hosts:
            if host.agent:
                server.refetch(world, host)

    def say(world: World, host: Host, _: str) -> None:
        central.request(world, host, agent.WRITE, agent.OSQUERY, 503, scene.cause)
        fields = {
            "component": "http", "method": "POST", "uri": "/api/osquery/distributed/write",
            "took": world.dice.uniform(20.0, 40.0), "host_id": host.number, "x_for_ip_addr": host.address,
            "err": f"error in query ingestion || {_WAIT}",
        }  # fmt: skip
        if world.chance(0.3):
            central.fleet(world, "error", fields, host, scene.cause)

    at = scene.at
    while at < NOW:
        world.at(at, ask_all)
        at += 5 * MINUTE
    scene.fail("details", "too many", say)


@variant("request-storm", reach="some", shows=("fleet_profiles",))
def scep_too_many(scene: Scene) -> None:
    """A certificate profile goes to many Macs at once, and the SCEP server refuses most of them."""

    def say(world: World, host: Host, _: str) -> None:
        url = "https://fleet.example.com/mdm/scep/proxy"
        said = f"[ERROR] MDM-SCEP: {url} answered: HTTP 429 error"
        own.unified(
            world,
            host,
            ("mdmclient", "Error", "com.apple.ManagedClient", "Cert_PI"),
            said,
            scene.cause,
        )
        line = "GET /mdm/scep/proxy?operation=PKIOperation HTTP/1.1"
        central.request(world, host, line, mdm.AGENT, 429, scene.cause)

    scene.fail("answer", "Error", say, only={"InstallProfile"})
    scene.fail("detail", "The SCEP server returned an error: HTTP 429 error")


@variant("request-storm", reach="server")
def herd(scene: Scene) -> None:
    """All hosts were pushed at once and answer again and again; their answers are not taken down."""

    def say(world: World, host: Host, what: str) -> None:
        central.request(world, host, mdm.PUT, mdm.AGENT, 503, scene.cause)
        why = "upstream timed out (110: Connection timed out) while reading response header from upstream"
        if world.chance(0.2):
            central.upstream_failed(world, host, mdm.PUT, why, scene.cause)
        if what == "Idle":
            world.after(world.dice.uniform(1, 15), mdm.connect, world, host)

    scene.fail("report", "503", say)


def _down(scene: Scene, why: str, status: int) -> None:
    """Let every request of every host fail before it is answered."""

    def say(world: World, host: Host, what: str) -> None:
        line, program = {
            "osquery": (agent.READ, agent.OSQUERY), "orbit": (agent.ORBIT_CONFIG, agent.ORBIT),
        }.get(what, (mdm.PUT, mdm.AGENT))  # fmt: skip
        central.request(world, host, line, program, status, scene.cause)
        central.upstream_failed(world, host, line, why, scene.cause)
        if what == "orbit":
            said = (
                "extensionsUpdate: error getting extensions config from fleet: "
                f"POST /api/fleet/orbit/config received status {status} unknown"
            )
            own.orbit(world, host, f'INF ext update failed error="{said}"', scene.cause)

    for channel in ("contact", "report"):
        scene.fail(channel, "down", say)


@variant("server-error", reach="server")
def fleet_down(scene: Scene) -> None:
    """Fleet does not run; nginx answers in its place."""
    why = "connect() failed (111: Connection refused) while connecting to upstream"
    _down(scene, why, 502)
    scene.fail("server", "down")


@variant("server-error", reach="server")
def database_down(scene: Scene) -> None:
    """Fleet runs without its database, and every request is an error."""

    def say(world: World, host: Host, what: str) -> None:
        line, program, uri = {
            "osquery": (agent.READ, agent.OSQUERY, "/api/osquery/distributed/read"),
            "orbit": (agent.ORBIT_CONFIG, agent.ORBIT, "/api/fleet/orbit/config"),
        }.get(what, (mdm.PUT, mdm.AGENT, "/mdm/apple/mdm"))  # fmt: skip
        central.request(world, host, line, program, 500, scene.cause)
        err = "authentication error: dial tcp 203.0.113.30:3306: connect: connection refused"
        fields = {"component": "http", "method": "POST", "uri": uri, "took": 0.004,
                  "x_for_ip_addr": host.address, "err": err}  # fmt: skip
        central.fleet(world, "error", fields, host, scene.cause)

    for channel in ("contact", "report"):
        scene.fail(channel, "no database", say)
    scene.fail("server", "no database")


@variant("server-error", reach="server")
def profile_cron_fails(scene: Scene) -> None:
    """The cron that makes commands fails in each run, and says that it completed."""
    _job_fails(scene, "reconciling profiles: inserting commands: context deadline exceeded")


@variant("server-error", reach="server")
def reports_fail(scene: Scene) -> None:
    """What Macs report to MDM is answered with 500 after 25 seconds, and Fleet's log says nothing."""

    def say(world: World, host: Host, what: str) -> None:
        central.request(world, host, mdm.PUT, mdm.AGENT, 500, scene.cause)
        said = f"<<<<< Received HTTP response (500) [{what}] <<<<<"
        own.unified(world, host, mdm.HTTP, said, scene.cause)

    scene.fail("report", "500", say)


_CENTRAL = (
    "fleet_server", "fleet_hosts", "fleet_profiles", "fleet_commands", "fleet_activities", "fleet_apns",
    "fleet_db_locks", "fleet_errors", "nginx_access", "nginx_error", "mysql_error", "osquery_status",
    "osquery_results",
)  # fmt: skip


def _stopped(scene: Scene, logs: tuple[str, ...]) -> None:
    for log in logs:
        scene.losses.holes.setdefault(log, []).append((scene.at, NOW + HOUR))


@variant("collection-gap", reach="server", age=(100, 200))
def everything_stopped(scene: Scene) -> None:
    """The machine that collects had no disk left: nothing has come since."""
    _stopped(scene, _CENTRAL)
    for host in scene.world.hosts:
        _stopped(scene, (f"hosts/{host.name}/orbit", f"hosts/{host.name}/unified_log"))


@variant("collection-gap", reach="server", age=(100, 200))
def center_stopped(scene: Scene) -> None:
    """API, proxy log and server log are no longer pulled; only hosts' own logs come."""
    _stopped(scene, _CENTRAL)
