"""Writes ``sample_logs/``: one day of a small fleet, told by every log that would have told of it.

``python tests/make_samples.py [FOLDER]`` writes the same bytes each time. What happens is in
tables; then come the facts that several logs share (heartbeats, requests, commands), then each
log.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

SEED = "a day in March"
START = datetime(2026, 3, 9, 10, 5, tzinfo=UTC)
END = START + timedelta(days=1)
BERLIN = timezone(timedelta(hours=1))
"""Where the hosts stand; winter time for all of the day."""

Line = tuple[datetime, str]
"""A line and when it was written; a log is these in order."""


def at(clock: str) -> datetime:
    """Return the moment of the story's day at which a clock in UTC shows this."""
    moment = datetime.fromisoformat(f"2026-03-10T{clock}Z")
    return moment if moment <= END else moment - timedelta(days=1)


def draw(low: int, high: int, *key: object) -> int:
    """Return a number from low to high that is always the same for the same key."""
    digest = blake2b(repr((SEED, *key)).encode(), digest_size=8).digest()
    return low + int.from_bytes(digest, "big") % (high - low + 1)


def later(moment: datetime, low_ms: int, high_ms: int, *key: object) -> datetime:
    """Return a moment a little later, by milliseconds drawn for the key."""
    return moment + timedelta(microseconds=draw(low_ms * 1000, high_ms * 1000, moment, *key))


def hexa(digits: int, *key: object) -> str:
    """Return hexadecimal digits drawn for the key."""
    return blake2b(repr((SEED, *key)).encode(), digest_size=(digits + 1) // 2).hexdigest()[:digits]


def uuid(*key: object) -> str:
    """Return a UUID drawn for the key, in upper case as Apple writes it."""
    h = hexa(32, *key).upper()
    return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-A{h[17:20]}-{h[20:]}"


def pack(value: object, *, sort: bool = False) -> str:
    """Return JSON without spaces."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, sort_keys=sort)


def rfc(moment: datetime) -> str:
    """Return whole seconds as Fleet's API writes them."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def every(first: datetime, last: datetime, **step: int) -> Iterator[datetime]:
    """Yield moments a fixed step apart."""
    while first <= last:
        yield first
        first += timedelta(**step)


# --- Who there is ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Host:
    """One host, and when it can be heard of."""

    name: str
    ident: int
    os: str
    ip: str
    alive: tuple[tuple[str, str], ...] = (("10:05:00.1", "10:05:00"),)
    """From when to when it is awake and gets through, on the story's clock."""
    platform: str = "darwin"
    branch: bool = False
    """It comes in by the branch office's ALB, not by the proxy."""

    @property
    def uuid(self) -> str:
        """The hardware's."""
        return uuid("hardware", self.name)

    @property
    def serial(self) -> str:
        """The maker's number."""
        return f"ZX{hexa(8, 'serial', self.name).upper()}"

    @property
    def mdm(self) -> bool:
        """Whether Fleet manages it by Apple's MDM."""
        return self.platform == "darwin" and bool(self.alive)


STUCK = ("mac-014", "mac-015")
HOSTS = (
    Host("mac-011", 11, "macOS 14.7.4", "192.0.2.11"),
    Host("mac-012", 12, "macOS 15.5", "192.0.2.12"),
    Host("mac-013", 13, "macOS 15.5", "198.51.100.13", branch=True),
    Host("mac-014", 14, "macOS 14.7.4", "192.0.2.14"),
    Host("mac-015", 15, "macOS 15.5", "192.0.2.15"),
    Host("mac-016", 16, "macOS 15.5", "192.0.2.16", alive=()),
    Host("mac-017", 17, "macOS 14.7.4", "192.0.2.17"),
    Host(
        "mac-018", 18, "macOS 15.5", "192.0.2.18",
        (("10:05:01", "01:09:41"), ("06:20:33", "10:05:00")),
    ),
    Host("mac-019", 19, "macOS 15.4", "192.0.2.19"),
    Host("linux-01", 21, "Ubuntu 24.04.2 LTS", "192.0.2.21", (("10:05:01", "07:31:52"),), "ubuntu"),
    Host(
        "linux-02", 22, "Ubuntu 24.04.2 LTS", "192.0.2.22",
        (("10:05:01", "04:59:37"), ("05:40:22", "10:05:00")), "ubuntu",
    ),
    Host(
        "win-01", 31, "Windows 11 Pro 24H2", "198.51.100.31",
        (("10:05:01", "02:59:58"), ("03:12:06", "10:05:00")), "windows", branch=True,
    ),
)  # fmt: skip
HOST = {host.name: host for host in HOSTS}
MACS = tuple(host for host in HOSTS if host.mdm)

FLEET, PROXY, BALANCER, ADMIN = "203.0.113.10", "203.0.113.20", "203.0.113.30", "192.0.2.5"
URL = "https://fleet.example.com"
CRITICAL = "Lock wait timeout exceeded; try restarting transaction"
DEADLOCK = "Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction"
LOCK_WAIT = f"Error 1205 (HY000): {CRITICAL}"
EXPIRED = "remote error: tls: expired certificate"

REFETCH_CLICKED = at("09:12:00.310")
"""An admin asks for new vitals of every host."""
REFETCHED = {
    "mac-011": "09:12:09", "mac-012": "09:13:29", "mac-013": "09:12:33", "mac-014": "09:12:38",
    "mac-015": "09:12:51", "mac-017": "09:12:47", "mac-018": "09:14:02", "mac-019": "09:12:48",
    "linux-02": "09:14:06", "win-01": "09:14:09",
}  # fmt: skip
"""When each host's new vitals were saved."""
MOVED = at("09:13:01.204")
"""The two Macs are in the team that has the profile "FileVault"."""
PUSH_CERTIFICATE_ENDS = at("08:40:00")
REFUSED = ("05:00:41", "05:38:10")
"""linux-02 and Fleet's own listener cannot agree on a certificate."""
RESTARTED = at("05:38:52")
"""Fleet starts again, with the new intermediate."""


# --- Facts that several logs share ----------------------------------------------------------------


@cache
def spans(host: Host) -> list[tuple[datetime, datetime]]:
    """Return when a host could be heard of."""
    begins = [START if a.startswith("10:05:0") else at(a) for a, _ in host.alive]
    return list(zip(begins, [at(b) for _, b in host.alive], strict=True))


def awake(host: Host, moment: datetime) -> bool:
    """Say whether a host could be heard of at a moment."""
    return any(begin <= moment <= end for begin, end in spans(host))


@cache
def beats(host: Host) -> list[datetime]:
    """Return when osquery asked for queries: one call in 28 of those it makes."""
    found: list[datetime] = []
    for begin, end in spans(host):
        lag = 0 if end < END else 12 if host.name in STUCK else draw(15, 190, "lag", host.name)
        beat = end - timedelta(seconds=lag)
        first = begin + timedelta(seconds=draw(3, 150, "phase", host.name) if begin == START else 0)
        while beat > first:
            found.append(beat)
            beat -= timedelta(seconds=draw(272, 288, "beat", host.name, beat))
        found.append(first)
    return sorted(found)


@cache
def details(host: Host) -> list[datetime]:
    """Return when a host's vitals were saved: hourly with jitter, and after the refetch."""
    saved = START - timedelta(minutes=draw(5, 55, "details", host.name))
    found = []
    while host.alive and saved < at("09:12:00"):
        found.append(saved)
        due = saved + timedelta(minutes=draw(61, 66, "details", host.name, saved))
        beat = next((beat for beat in beats(host) if beat >= due), END)
        saved = beat + timedelta(seconds=3)
    if host.name in REFETCHED:
        found.append(at(REFETCHED[host.name]))
    return found


def seen(host: Host, moment: datetime) -> datetime | None:
    """Return when Fleet last heard of a host: it hears every ten seconds."""
    if host.name in STUCK:
        moment = min(moment, END - timedelta(seconds=10))
    if awake(host, moment):
        recent = moment - timedelta(seconds=draw(2, 9, "seen", host.name, moment))
        return max([recent, *[beat for beat in beats(host) if beat <= moment][-1:]])
    return max((end for _, end in spans(host) if end <= moment), default=None)


@dataclass(frozen=True)
class Command:
    """An MDM command: when it was queued, and when the Mac said that it was done."""

    host: Host
    kind: str
    queued: datetime
    done: datetime | None = None
    profile: str = ""

    @property
    def uuid(self) -> str:
        """What Fleet calls it."""
        return uuid("command", self.host.name, self.kind, self.queued).lower()


@cache
def commands() -> list[Command]:
    """Return every command of the day, in the order they were queued."""
    found = [*_inventory(), *_profiles_installed()]
    found += [
        Command(HOST[name], "InstalledApplicationList", at("08:40:52"))
        for name in ("mac-011", "mac-013", "mac-017")
    ]
    found += [
        Command(HOST[name], "InstallProfile", at("09:13:02"), None, "FileVault") for name in STUCK
    ]
    return sorted(found, key=lambda command: (command.queued, command.host.name))


def _inventory() -> Iterator[Command]:
    """Yield what a script asks of every Mac four times a day; a sleeping one answers later."""
    for clock in ("13:40:31", "19:40:31", "01:40:31", "07:40:31"):
        for host in MACS:
            queued = at(clock)
            heard = queued if awake(host, queued) else at("06:20:36")
            done = later(heard, 4000, 19000, "inventory", host.name)
            yield Command(host, "DeviceInformation", queued, done)


def _profiles_installed() -> Iterator[Command]:
    """Yield the profiles that arrived as they should."""
    for name, queued, done, profile in (
        ("mac-019", "11:45:12", "11:45:19.4", "Screen lock"),
        ("mac-017", "16:20:42", "16:20:50.1", "Printers"),
        ("mac-012", "07:30:21", "07:30:27.3", "Printers"),
    ):
        yield Command(HOST[name], "InstallProfile", at(queued), at(done), profile)


@dataclass(frozen=True)
class Request:
    """An HTTP request, when it was answered, and how long that took."""

    when: datetime
    ip: str
    method: str
    uri: str
    status: int = 200
    size: int = 2
    agent: str = "osquery/5.17.0"
    took: float = 0.004
    branch: bool = False


@cache
def requests() -> list[Request]:
    """Return every request of the day."""
    found = [r for host in HOSTS for part in (_osquery, _orbit, _mdm) for r in part(host)]
    found += [*_by_admin(), *_while_locked(), *_old_tokens(), *_enrolls_again()]
    return sorted(found, key=lambda r: (r.when, r.ip, r.uri))


def _osquery(host: Host) -> Iterator[Request]:
    for beat in beats(host):
        size = draw(60, 140, "size", host.name, beat)
        took = draw(2, 9, "took", host.name, beat) / 1000
        yield Request(
            beat,
            host.ip,
            "POST",
            "/api/osquery/distributed/read",
            200,
            size,
            took=took,
            branch=host.branch,
        )
    for saved in details(host):
        if saved >= START:
            took = draw(90, 400, "details", host.name, saved) / 1000
            uri = "/api/osquery/distributed/write"
            yield Request(saved, host.ip, "POST", uri, took=took, branch=host.branch)


def _orbit(host: Host) -> Iterator[Request]:
    phase = timedelta(seconds=draw(30, 800, "orbit", host.name))
    for when in every(START + phase, END, minutes=15):
        if awake(host, when):
            agent = "Go-http-client/1.1" if host.branch else "Go-http-client/2.0"
            uri = "/api/fleet/orbit/config"
            yield Request(when, host.ip, "POST", uri, 200, 733, agent, 0.012, host.branch)


def _mdm(host: Host) -> Iterator[Request]:
    agent = "MDM-OSX/1.0 mdmclient/" + ("1452" if "14." in host.os else "1660")
    for command in commands():
        if command.host == host and command.done:
            size = 5120 if command.profile else 1462
            asked = command.done - timedelta(seconds=2)
            for when, bytes_sent in ((asked, size), (command.done, 0)):
                took = draw(15, 80, "mdm", host.name, when) / 1000
                uri = "/mdm/apple/mdm"
                yield Request(when, host.ip, "PUT", uri, 200, bytes_sent, agent, took, host.branch)


ADMIN_DID = (
    # when, method, uri, status, took, error
    ("11:44:50", "POST", "/api/latest/fleet/configuration_profiles", 200, 0.212, ""),
    ("16:20:15", "POST", "/api/latest/fleet/configuration_profiles", 200, 0.187, ""),
    ("07:30:04", "POST", "/api/latest/fleet/configuration_profiles", 200, 0.204, ""),
    ("08:40:53", "POST", "/api/latest/fleet/commands/run", 502, 0.731, "push"),
    ("09:11:31", "GET", "/api/latest/fleet/hosts", 200, 0.061, ""),
    ("09:12:56.4", "POST", "/api/v1/fleet/hosts/transfer", 500, 51.213, "transfer"),
    ("09:13:01.2", "POST", "/api/v1/fleet/hosts/transfer", 200, 1.902, ""),
    ("09:25:40", "GET", "/api/latest/fleet/hosts/15", 200, 0.044, ""),
    ("09:47:18", "GET", "/api/latest/fleet/hosts/14", 200, 0.039, ""),
)
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"  # noqa: E501 - a browser's name is this long


def _by_admin() -> Iterator[Request]:
    for clock, method, uri, status, took, _ in ADMIN_DID:
        yield Request(at(clock), ADMIN, method, uri, status, 318, BROWSER, took)
    for when, host in refetch_clicks():
        yield Request(
            when,
            ADMIN,
            "POST",
            f"/api/latest/fleet/hosts/{host.ident}/refetch",
            200,
            2,
            BROWSER,
            0.02,
        )


def refetch_clicks() -> Iterator[tuple[datetime, Host]]:
    """Yield when new vitals were asked of each host."""
    for number, host in enumerate(HOSTS):
        yield REFETCH_CLICKED + timedelta(milliseconds=470 * number), host


LOCKED = (
    # when, host, error, took, the step of Fleet's that failed, what the proxy told the host
    (
        "09:12:14.118",
        "mac-019",
        DEADLOCK,
        "4.104511902s",
        "update host software: delete host software",
        200,
    ),
    ("09:12:31.442", "mac-017", DEADLOCK, "1.870733241s", "save host users: insert users", 500),
    (
        "09:12:59.017",
        "mac-012",
        LOCK_WAIT,
        "50.003118462s",
        "update host software: delete host software",
        500,
    ),
    (
        "09:13:04.660",
        "linux-02",
        LOCK_WAIT,
        "50.001290117s",
        "update host software: insert software",
        500,
    ),
    (
        "09:13:11.208",
        "win-01",
        LOCK_WAIT,
        "50.004401876s",
        "update host software: insert software",
        500,
    ),
    ("09:13:24.905", "mac-018", DEADLOCK, "2.213904558s", "save host users: insert users", 500),
    (
        "09:13:58.371",
        "linux-02",
        DEADLOCK,
        "3.008127700s",
        "update host software: insert software",
        200,
    ),
)
TIMED_OUT = ("09:13:20", "mac-018")
"""A write that the proxy gave up after a minute."""


def seconds(took: str) -> float:
    """Return the seconds of one of Go's durations, as they are written here."""
    return float(took[:-2]) / 1000 if took.endswith("ms") else float(took[:-1])


def _while_locked() -> Iterator[Request]:
    uri = "/api/osquery/distributed/write"
    for clock, name, _, took, _, status in LOCKED:
        host, size = HOST[name], 2 if status == 200 else 74
        yield Request(
            at(clock), host.ip, "POST", uri, status, size, took=seconds(took), branch=host.branch
        )
    clock, name = TIMED_OUT
    yield Request(at(clock), HOST[name].ip, "POST", uri, 504, 160, took=60.001)


def _old_tokens() -> Iterator[Request]:
    for when, host, uri in device_tokens():
        yield Request(when, host.ip, "GET", uri, 401, 96, "Go-http-client/2.0", 0.003)


def device_tokens() -> Iterator[tuple[datetime, Host, str]]:
    """Yield Fleet Desktop's calls with a token just rotated: harmless, and in every Fleet's log."""
    for number, clock in enumerate(
        ("12:07:44", "15:31:02", "18:52:19", "22:16:37", "06:58:12", "08:03:25")
    ):
        host = HOST[("mac-011", "mac-012", "mac-017", "mac-019", "mac-014", "mac-015")[number]]
        token = uuid("desktop", clock).lower()
        yield at(clock), host, f"/api/latest/fleet/device/{token}/desktop"


def _enrolls_again() -> Iterator[Request]:
    host = HOST["linux-02"]
    yield Request(
        at("05:40:17"),
        host.ip,
        "POST",
        "/api/fleet/orbit/enroll",
        200,
        59,
        "Go-http-client/2.0",
        0.04,
    )
    yield Request(at("05:40:20"), host.ip, "POST", "/api/osquery/enroll", 200, 49, took=0.031)


def handshakes() -> Iterator[tuple[datetime, str]]:
    """Yield when linux-02 broke off a handshake, and which of its programs did."""
    first, last = (at(clock) for clock in REFUSED)
    for number, when in enumerate(every(first, last, seconds=114)):
        yield later(when, 0, 20000, "handshake"), "orbit" if number % 5 == 4 else "osquery"


# --- Central logs ---------------------------------------------------------------------------------


def fleet_server() -> list[Line]:
    """Return Fleet's own log: go-kit JSON, lines of Go's own library, and one line cut short."""
    parts = (
        _crons,
        _pushes,
        _mdm_reports,
        _admin_lines,
        _lock_lines,
        _token_lines,
        _refused,
        _restart,
    )
    return [line for part in parts for line in part()]


def kit(when: datetime, level: str, **fields: object) -> Line:
    """Return a line as go-kit's JSON logger writes it, keys in order of the alphabet."""
    nanos = draw(100_000, 999_999, "nano", when, *fields)
    stamp = f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}{nanos}Z"
    return when, pack({"level": level, "ts": stamp} | fields, sort=True)


def instance(when: datetime) -> str:
    """Return the name of the Fleet process, which changes with a restart."""
    return hexa(40, "instance", when > RESTARTED)


def _run(when: datetime, schedule: str, ran: float) -> Iterator[Line]:
    for moment, status in ((when, "pending"), (when + timedelta(seconds=ran), "completed")):
        names = {"cron": schedule, "schedule": schedule, "instanceID": instance(when)}
        yield kit(moment, "info", status=status, **names)


def _crons() -> Iterator[Line]:
    """Yield the runs of the slower schedules; those of every half minute are left out."""
    for when in every(at("10:07:03.118"), END, minutes=30):
        yield from _run(when, "frequent_cleanups", 0.4)
    for when in every(at("10:21:40.502"), END, minutes=60):
        yield from _run(when, "cleanups_then_aggregation", 3.2)
    for when in every(at("10:33:11.077"), END, minutes=120):
        yield from _run(when, "mdm_apple_profile_manager", 0.2)
        yield from _run(when + timedelta(minutes=8, seconds=55.9), "apple_mdm_apns_pusher", 0.5)


def _cron_failed(when: datetime, schedule: str, job: str, details: str) -> Line:
    names = {"cron": schedule, "schedule": schedule, "instanceID": instance(when), "jobID": job}
    return kit(when, "error", err="running job", details=details, **names)


def push_failures() -> Iterator[datetime]:
    """Yield the runs of the pusher that were logged, from when its certificate had run out."""
    yield at("08:41:07.331")
    yield at("08:42:07.335")
    yield from every(at("08:46:07.340"), END, minutes=5)


def undelivered(names: Iterable[str]) -> str:
    """Return Fleet's words when Apple does not take a push."""
    return "APNS delivery failed with the following errors:" + "".join(
        f'\nUUID: {HOST[name].uuid}, Error: Post "https://api.push.apple.com/3/device/'
        f'{hexa(64, "token", name)}": {EXPIRED}'
        for name in names
    )


def _pushes() -> Iterator[Line]:
    for when in push_failures():
        waiting = [c.host.name for c in commands() if c.done is None and c.queued < when]
        details = f"sending push notifications: {undelivered(waiting)}"
        yield _cron_failed(when, "apple_mdm_apns_pusher", "apns_pusher", details)
    details = f"sending notifications for profiles: {undelivered(STUCK)}"
    yield _cron_failed(
        at("09:13:02.718"), "mdm_apple_profile_manager", "manage_apple_profiles", details
    )


def _mdm_reports() -> Iterator[Line]:
    for command in commands():
        if command.done:
            who = {"id": command.host.uuid, "type": "Device", "component": "http-mdm-apple-mdm"}
            idle = command.done - timedelta(seconds=2, milliseconds=12)
            yield kit(idle, "info", handler="checkin-command", status="Idle", **who)
            done = command.done - timedelta(milliseconds=9)
            told = {
                "handler": "checkin-command",
                "status": "Acknowledged",
                "command_uuid": command.uuid,
            }
            yield kit(done, "info", **who, **told)


def _admin_lines() -> Iterator[Line]:
    for clock, method, uri, _, took, error in ADMIN_DID:
        fields = {"component": "http", "method": method, "uri": uri, "user": "admin@example.com"}
        fields["took"] = f"{took:.9f}s" if took >= 1 else f"{took * 1000:.6f}ms"
        if error == "push":
            fields["err"] = undelivered(("mac-011", "mac-013", "mac-017"))
        elif error == "transfer":
            fields["err"] = (
                "bulk set pending host profiles: bulk set pending apple host profiles: "
                f"bulk delete all profiles: error deleting host_mdm_apple_profiles: {LOCK_WAIT}"
            )
        if error or method == "POST":
            yield kit(at(clock), "error" if error else "info", **fields)
    for when, host in refetch_clicks():
        uri = f"/api/latest/fleet/hosts/{host.ident}/refetch"
        fields = {"component": "http", "method": "POST", "uri": uri, "user": "admin@example.com"}
        yield kit(when, "info", took=f"{draw(9000, 22000, uri) / 1000}ms", **fields)


def _lock_lines() -> Iterator[Line]:
    for clock, name, error, took, step, _ in LOCKED:
        host = HOST[name]
        if step.startswith("save"):
            err = {"err": f"failed to update host details: failed to {step}: {error}"}
        else:
            query = {"windows": "software_windows", "ubuntu": "software_linux"}.get(
                host.platform, "software_macos"
            )
            err = {
                "err": "error in query ingestion",
                "ingestion-err": f"ingesting query {query}: {step}: {error}",
            }
        fields: dict[str, Any] = {
            "component": "http",
            "host_id": host.ident,
            "method": "POST",
            "took": took,
        }
        fields |= {
            "ip_addr": BALANCER if host.branch else PROXY,
            "x_for_ip_addr": host.ip,
            "uri": "/api/osquery/distributed/write",
        }
        yield kit(at(clock), "error", **fields, **err)
    last_seen = "error batch updating nano_enrollments.last_seen_at"
    yield kit(at("09:12:31.446"), "info", msg=last_seen, err=DEADLOCK)
    failed = (
        "mdm_apple_profile_manager",
        "manage_apple_profiles",
        f"updating host profiles: {LOCK_WAIT}",
    )
    yield _cron_failed(at("09:12:56.398"), *failed)


def _token_lines() -> Iterator[Line]:
    for when, _, uri in device_tokens():
        internal = "authentication error: invalid device authentication token"
        fields = {"component": "http", "err": "Authentication required", "internal": internal}
        yield kit(when, "info", path=uri.removesuffix("/desktop"), **fields)


def _refused() -> Iterator[Line]:
    for when, program in handshakes():
        alert = EXPIRED if program == "osquery" else "remote error: tls: bad certificate"
        port = draw(33000, 60900, "port", when)
        address = f"{HOST['linux-02'].ip}:{port}"
        yield when, f"{when:%Y/%m/%d %H:%M:%S} http: TLS handshake error from {address}: {alert}"


def _restart() -> Iterator[Line]:
    """Yield the restart; the old process got no further than half of its last line."""
    cut = '{"component":"http","err":"load host by node key: context canceled","ip_addr":"203.0.'
    yield RESTARTED - timedelta(seconds=2), cut
    yield kit(RESTARTED, "info", msg="listening", address="0.0.0.0:8443", transport="https")


def nginx_access() -> list[Line]:
    """Return what the proxy in front of Fleet was asked, in the combined format."""
    return [(r.when, _combined(r)) for r in requests() if not r.branch]


def _combined(r: Request) -> str:
    version = "2.0" if r.agent.startswith(("Go", "Moz")) else "1.1"
    return (
        f'{r.ip} - - [{r.when:%d/%b/%Y:%H:%M:%S} +0000] "{r.method} {r.uri} HTTP/{version}" '
        f'{r.status} {r.size} "-" "{r.agent}"'
    )


def nginx_error() -> list[Line]:
    """Return the proxy's own complaints."""
    return [*_upstream_lines(), *_proxy_lines()]


def _upstream_lines() -> Iterator[Line]:
    clock, name = TIMED_OUT
    uri = "/api/osquery/distributed/write"
    yield at(clock), _proxy_said(
        at(clock), "error",
        "upstream timed out (110: Connection timed out) while reading response header "
        "from upstream, "
        f'client: {HOST[name].ip}, server: fleet.example.com, request: "POST {uri} HTTP/1.1", '
        f'upstream: "http://{FLEET}:8080{uri}", host: "fleet.example.com"',
    )  # fmt: skip


def _proxy_lines() -> Iterator[Line]:
    for clock, name in (("10:52:14", "mac-012"), ("17:03:40", "mac-014"), ("23:48:09", "mac-019")):
        number = draw(1000, 9999, "buffered", clock)
        yield at(clock), _proxy_said(
            at(clock), "warn",
            "a client request body is buffered to a temporary file "
            f"/var/cache/nginx/client_temp/000000{number}, "
            f"client: {HOST[name].ip}, server: fleet.example.com, "
            'request: "POST /api/osquery/log HTTP/1.1", host: "fleet.example.com"',
        )  # fmt: skip
    when = at("00:00:02")
    said = "signal 10 (SIGUSR1) received from 1180, reopening logs"
    yield when, f"{when:%Y/%m/%d %H:%M:%S} [notice] 1188#1188: {said}"


def _proxy_said(when: datetime, level: str, text: str) -> str:
    return f"{when:%Y/%m/%d %H:%M:%S} [{level}] 1201#1201: *{draw(40000, 49999, when)} {text}"


def alb_access() -> list[Line]:
    """Return what the branch office's load balancer was asked."""
    return [(r.when, _alb(r, later(r.when, 0, 900))) for r in requests() if r.branch]


def _alb(r: Request, when: datetime) -> str:
    account = "arn:aws:elasticloadbalancing:eu-central-1:123456789012"
    stamp = "%Y-%m-%dT%H:%M:%S.%fZ"
    port, sent = draw(49152, 65000, "alb", r), draw(400, 900, "sent", r)
    came = when - timedelta(seconds=r.took)
    fields = (
        f"https {when:{stamp}} app/fleet-branch/{hexa(16, 'alb')} {r.ip}:{port} {FLEET}:8080",
        f"0.001 {r.took:.3f} 0.000 {r.status} {r.status} {sent} {r.size + 180}",
        f'"{r.method} {URL}:443{r.uri} HTTP/1.1" "{r.agent}" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2',
        f"{account}:targetgroup/fleet/{hexa(16, 'target')}",
        f'"Root=1-{int(r.when.timestamp()):x}-{hexa(24, "trace", r)}"',
        f'"fleet.example.com" "session-reused" 0 {came:{stamp}} "forward" "-" "-"',
        f'"{FLEET}:8080" "{r.status}" "-" "-"',
    )
    return " ".join(fields)


def mysql_error() -> list[Line]:
    """Return MySQL's log: every deadlock (``innodb_print_all_deadlocks``), but no lock wait."""
    lines = list(_mysql_notes())
    for number, (clock, _, error, *_) in enumerate(LOCKED):
        if error == DEADLOCK:
            lines += _deadlock(at(clock) - timedelta(milliseconds=4), number)
    return lines


def _mysql(when: datetime, tag: str, said: str) -> Line:
    return when, f"{when:%Y-%m-%dT%H:%M:%S.%fZ} {tag} {said}"


def _mysql_notes() -> Iterator[Line]:
    for clock in ("12:30:00.114", "00:30:00.131"):
        said = "A deprecated option --binlog-format is in use; it goes away in a later release."
        yield _mysql(at(clock), "0 [Warning] [MY-011069] [Server]", said)
    for clock, thread in (("05:38:53.020", 871), ("09:13:58.700", 902)):
        said = f"Aborted connection {thread} to db: 'fleet' user: 'fleet' host: '{FLEET}' "
        said += "(Got timeout reading communication packets)."
        yield _mysql(at(clock), f"{thread} [Note] [MY-010914] [Server]", said)
    said = "page_cleaner: the loop meant to take 1000ms took 4312ms; the settings may be too small."
    yield _mysql(at("09:12:36.204"), "0 [Note] [MY-011953] [InnoDB]", said)


def _deadlock(when: datetime, number: int) -> Iterator[Line]:
    """Yield InnoDB's account of a deadlock: lines with a time, others below without."""
    _, name, _, _, step, _ = LOCKED[number]
    table = "host_users" if "users" in step else "host_software"
    said = "Transactions deadlock detected, dumping detailed information."
    blocks: list[tuple[str, tuple[str, ...]]] = [(said, ())]
    for who in (1, 2):
        ident = HOST[name].ident if who == 1 else HOST["mac-011"].ident
        blocks += _transaction(who, ident, 418800 + 7 * number + who, table)
    blocks.append(("*** WE ROLL BACK TRANSACTION (2)", ()))
    for place, (head, below) in enumerate(blocks):
        tag = f"0 [Note] [MY-01246{9 if place else 8}] [InnoDB]"
        moment, first = _mysql(when + timedelta(microseconds=31 * place), tag, head)
        yield moment, "\n".join((first, *below))


DOING = {
    "host_users": (
        "inserting",
        "INSERT INTO host_users (host_id, uid, username) VALUES ({}, 501, 'sam')",
    ),
    "host_software": (
        "updating",
        "DELETE FROM host_software WHERE host_id = {} AND software_id IN (104, 387)",
    ),
}


def _transaction(
    who: int, ident: int, trx: int, table: str
) -> Iterator[tuple[str, tuple[str, ...]]]:
    doing, sql = DOING[table]
    index = f"RECORD LOCKS space id 91 page no {4 + who} n bits 320 index PRIMARY of table `fleet`."
    index += f"`{table}`"
    yield (
        f"*** ({who}) TRANSACTION:",
        (
            f"TRANSACTION {trx}, ACTIVE {who} sec {doing}",
            f"mysql tables in use {who + 1}, locked {who + 1}",
            f"LOCK WAIT {5 + who} lock struct(s), heap size 1128, {3 + who} row lock(s)",
            f"MySQL thread id {870 + who}, query id {trx * 13} {FLEET} fleet update",
            sql.format(ident),
        ),
    )
    yield (
        f"*** ({who}) WAITING FOR THIS LOCK TO BE GRANTED:",
        (
            f"{index} trx id {trx} lock_mode X locks rec but not gap waiting",
            f"Record lock, heap no {16 + who} PHYSICAL RECORD: n_fields 5; compact format",
            f" 0: len 4; hex {ident:08x}; asc     ;;",
        ),
    )


def journald() -> list[Line]:
    """Return the journal of the machine of Fleet and MySQL, as ``journalctl -o json`` writes it."""
    return [*_server_timers(), *_server_events()]


@dataclass(frozen=True)
class Unit:
    """Who writes to the journal."""

    name: str
    unit: str = "init.scope"
    pid: int = 1
    priority: int = 6


SYSTEMD = Unit("systemd")


def _journal(when: datetime, who: Unit, message: str) -> Line:
    micros = int(when.timestamp() * 1_000_000)
    boot = hexa(32, "boot")
    cursor = f"s={hexa(32, 'journal')};i={micros - 1_773_000_000_000_000:x};b={boot}"
    record = {
        "__CURSOR": cursor,
        "__REALTIME_TIMESTAMP": str(micros),
        "__MONOTONIC_TIMESTAMP": str(micros - 1_771_500_000_000_000),
        "_BOOT_ID": boot,
        "_MACHINE_ID": hexa(32, "machine"),
        "_HOSTNAME": "fleet-1",
        "_TRANSPORT": "journal" if who == SYSTEMD else "syslog",
        "PRIORITY": str(who.priority),
        "SYSLOG_IDENTIFIER": who.name,
        "_PID": str(who.pid),
        "_SYSTEMD_UNIT": who.unit,
        "MESSAGE": message,
    }
    return when, pack(record)


def _server_timers() -> Iterator[Line]:
    for when in every(at("10:17:01.204"), END, hours=1):
        command = "(root) CMD (cd / && run-parts --report /etc/cron.hourly)"
        yield _journal(when, Unit("CRON", "cron.service", draw(2000, 9000, when)), command)
    for when in every(at("12:10:30.510"), END, hours=6):
        unit = "fwupd-refresh.service"
        yield _journal(when, SYSTEMD, f"Starting {unit} - Refresh of firmware metadata...")
        yield _journal(later(when, 900, 1800), SYSTEMD, f"{unit}: Deactivated successfully.")
    for when in every(at("11:00:12.090"), END, hours=4):
        said = f"Selected source 203.0.113.123 (time-{draw(1, 3, when)}.example.com)"
        yield _journal(when, Unit("chronyd", "chrony.service", 640), said)


def _server_events() -> Iterator[Line]:
    key = hexa(43, "key")
    login = f"Accepted publickey for admin from {ADMIN} port 50122 ssh2: ED25519 SHA256:{key}"
    yield _journal(at("05:36:20.300"), Unit("sshd", "ssh.service", 7710), login)
    done = "/etc/fleet/tls/chain.pem replaced; the intermediate is good until 2031-03-01"
    yield _journal(at("05:38:31.044"), Unit("deploy-chain", "deploy.service", 7742, 5), done)
    fleet = "fleet.service"
    for before, said in (
        (2000, f"Stopping {fleet} - Fleet server..."),
        (1000, f"{fleet}: Deactivated successfully."),
        (700, f"Started {fleet} - Fleet server."),
    ):
        yield _journal(RESTARTED - timedelta(milliseconds=before), SYSTEMD, said)
    said = "41 connections, 9 of them waiting for a lock"
    yield _journal(at("09:12:40.002"), Unit("mysql-watch", "mysql-watch.service", 811, 4), said)


def syslog() -> list[Line]:
    """Return what the Linux hosts send to the log server, as Ubuntu's rsyslog writes it now."""
    return [line for name in ("linux-01", "linux-02") for line in _linux_lines(HOST[name])] + [
        *_work_on_linux_02()
    ]


def _sys(when: datetime, host: str, tag: str, text: str) -> Line:
    return when, f"{when:%Y-%m-%dT%H:%M:%S.%f}+00:00 {host} {tag}: {text}"


def _linux_lines(host: Host) -> Iterator[Line]:
    last = at("07:31:40") if host.name == "linux-01" else END
    for when in every(later(at("10:17:01"), 20, 900, host.name), last, hours=1):
        pid = draw(10000, 90000, host.name, when)
        yield _sys(
            when,
            host.name,
            f"CRON[{pid}]",
            "(root) CMD (cd / && run-parts --report /etc/cron.hourly)",
        )
    for when in every(later(at("10:25:11"), 20, 90000, host.name), last, minutes=170):
        yield _sys(when, host.name, "systemd[1]", "Starting apt-news.service - Update APT News...")
        yield _sys(
            later(when, 300, 900),
            host.name,
            "systemd[1]",
            "Finished apt-news.service - Update APT News.",
        )


def _work_on_linux_02() -> Iterator[Line]:
    name = "linux-02"
    yield _sys(at("04:59:44.120"), name, "systemd[1]", "Stopping orbit.service - Fleet's agent...")
    yield _sys(at("04:59:45.501"), name, "systemd[1]", "Stopped orbit.service - Fleet's agent.")
    yield _sys(at("05:00:30.377"), name, "systemd[1]", "Started orbit.service - Fleet's agent.")
    yield _sys(at("05:40:09.205"), name, "systemd-resolved[611]", "Flushed all caches.")


# --- What osquery reports through Fleet -----------------------------------------------------------


def _reported(host: Host, when: datetime) -> dict[str, object]:
    stamp = f"{when:%a %b} {when.day:2} {when:%H:%M:%S %Y} UTC"
    decorations = {"host_uuid": host.uuid, "hostname": host.name}
    return {
        "hostIdentifier": host.uuid,
        "calendarTime": stamp,
        "unixTime": int(when.timestamp()),
        "decorations": decorations,
    }


def osquery_status() -> list[Line]:
    """Return osqueryd's own messages in the order Fleet got them: linux-02 told afterwards."""
    lines = [(when, _status(host, when, *said)) for host, when, *said in _status_said()]
    verify = "(Request error: certificate verify failed) retrying..."
    enroll = f"Failed enrollment request to {URL}/api/osquery/enroll {verify}"
    for when, program in handshakes():
        if program == "osquery":
            told = _status(HOST["linux-02"], when, "1 tls_enroll.cpp:101", enroll)
            lines.append((at("05:40:32"), told))
    return lines


def _status(host: Host, when: datetime, where: str, message: str) -> str:
    """Return a message; ``where`` is its severity and its place in osquery's source."""
    severity, place = where.split()
    name, line = place.split(":")
    said: dict[str, object] = {"severity": int(severity), "filename": name, "line": int(line)}
    return pack(_reported(host, when) | said | {"message": message, "version": "5.17.0"})


def _status_said() -> Iterator[tuple[Host, datetime, str, str]]:
    for host in HOSTS:
        for when in beats(host)[:: draw(70, 95, "status", host.name)]:
            said = (
                "The chrome_extensions table was asked without a user; it tells of the current one"
            )
            yield host, when, "1 virtual_table.cpp:971", said
    start, begun = "0 init.cpp:413", "osquery initialized [version=5.17.0]"
    yield HOST["win-01"], at("03:12:08"), start, begun
    said = "osqueryd worker (4412) stopping: Memory limits exceeded: 214958080 bytes"
    yield HOST["mac-017"], at("20:14:09"), "1 watcher.cpp:425", said
    yield HOST["mac-017"], at("20:14:12"), start, begun


def osquery_results() -> list[Line]:
    """Return the answers to scheduled queries: snapshots, and what came or went."""
    return [line for host in HOSTS for line in _answers(host)]


def _answers(host: Host) -> Iterator[Line]:
    for number, when in enumerate(beats(host)[5 + host.ident :: 90]):
        name = "pack/Global/identity_certificate" if host.mdm else "pack/Global/uptime"
        row = {"total_seconds": str(86400 * 9 + int((when - START).total_seconds()))}
        if host.mdm:
            row = {
                "common_name": "FleetDM Identity",
                "not_valid_after": str(1790000000 + host.ident),
            }
        yield _answer(host, when, number, name, {"action": "snapshot", "snapshot": [row]})
    for number, when in enumerate(beats(host)[20 + host.ident :: 160]):
        row = {
            "name": "Sample App",
            "version": f"4.{number + 2}",
            "path": "/Applications/Sample App.app",
        }
        old = row | {"version": f"4.{number + 1}"}
        for action, columns in (("removed", old), ("added", row)):
            yield _answer(
                host, when, number, "pack/Global/apps", {"action": action, "columns": columns}
            )


def _answer(host: Host, when: datetime, counter: int, name: str, body: dict[str, Any]) -> Line:
    counted = {"name": name, "epoch": 0, "counter": counter, "numerics": False}
    return when, pack(body | counted | _reported(host, when))


# --- Snapshots of Fleet's API ---------------------------------------------------------------------


def _page(when: datetime, request: str, body: object) -> Line:
    return when, pack({"pulled_at": rfc(when), "source": "fleet", "request": request, "body": body})


def hourly() -> list[datetime]:
    """Return when everything was pulled: each hour, and once more just before the end."""
    return [*every(START + timedelta(seconds=10), at("09:05:10"), hours=1), at("10:04:50")]


def watched() -> Iterator[tuple[datetime, Host]]:
    """Yield when single hosts were looked at: the two Macs from nine on, mac-012 before."""
    for when in every(at("08:58:10"), END, minutes=5):
        yield from ((when + timedelta(seconds=n), HOST[name]) for n, name in enumerate(STUCK))
    yield from (
        (when, HOST["mac-012"]) for when in every(at("07:30:10"), at("08:35:10"), minutes=5)
    )


def fleet_hosts() -> list[Line]:
    """Return the list of hosts each hour, and single hosts more often."""
    lists = [
        _page(
            when,
            "/api/v1/fleet/hosts?page=0&per_page=100&order_key=id",
            {"hosts": [_row(h, when) for h in HOSTS]},
        )
        for when in hourly()
    ]
    return lists + [_single(host, when) for when, host in watched() if host.name in STUCK]


def fleet_profiles() -> list[Line]:
    """Return the profiles of each Mac every two hours, and of watched ones more often."""
    moments = [
        (when + timedelta(seconds=1 + n % 5), mac)
        for when in hourly()[::2]
        for n, mac in enumerate(MACS)
    ]
    return [_single(host, when) for when, host in [*moments, *watched()]]


def _single(host: Host, when: datetime) -> Line:
    body = _row(host, when)
    settings = {"disk_encryption": {"status": _worst(host, when), "detail": ""}}
    body["mdm"] |= {"device_status": "unlocked", "pending_action": "", "os_settings": settings}
    body["mdm"]["profiles"] = profiles(host, when)
    return _page(when, f"/api/v1/fleet/hosts/{host.ident}?exclude_software=true", {"host": body})


def _worst(host: Host, when: datetime) -> str:
    states = [
        profile["status"] for profile in profiles(host, when) if profile["name"] == "FileVault"
    ]
    return "action_required" if not states else "enforcing" if states[0] == "pending" else states[0]


def _row(host: Host, when: datetime) -> dict[str, Any]:
    """Return one host as the API lists it."""
    heard = seen(host, when)
    details_at = max((t for t in details(host) if t <= when), default=None)
    enrolled = at("05:40:20") if host.name == "linux-02" and when > at("05:40:20") else None
    online = heard is not None and when - heard <= timedelta(seconds=70)
    return {
        "id": host.ident,
        "uuid": host.uuid,
        "hardware_serial": host.serial,
        "hostname": host.name,
        "platform": host.platform,
        "os_version": host.os if heard else "",
        "osquery_version": "5.17.0" if heard else "",
        "orbit_version": "1.43.0",
        "status": "online" if online else "offline",
        "created_at": rfc(_enrolled(host)),
        "last_enrolled_at": rfc(enrolled or _enrolled(host)),
        "seen_time": _or_never(heard),
        "detail_updated_at": _or_never(details_at),
        "label_updated_at": _or_never(details_at),
        "policy_updated_at": _or_never(details_at),
        "refetch_requested": _refetching(host, when),
        "distributed_interval": 10,
        "config_tls_refresh": 60,
        "primary_ip": host.ip if heard else "",
        "public_ip": host.ip,
        "team_id": 3 if host.name in STUCK and when >= MOVED else 2,
        **_mdm_row(host, when),
    }


def _enrolled(host: Host) -> datetime:
    """Return when a host came to Fleet; mac-016 a week ago, and was not heard of again."""
    if not host.alive:
        return datetime(2026, 3, 2, 14, 21, 7, tzinfo=UTC)
    return datetime(2025, 9, 1, 8, tzinfo=UTC) + timedelta(
        minutes=draw(0, 200_000, "enrolled", host.name)
    )


def _or_never(moment: datetime | None) -> str:
    """Return a time as the API does: what never was is the first day of 2000."""
    return rfc(moment) if moment else "2000-01-01T00:00:00Z"


def _refetching(host: Host, when: datetime) -> bool:
    answered = REFETCHED.get(host.name)
    return when >= REFETCH_CLICKED and (answered is None or when < at(answered))


def _mdm_row(host: Host, when: datetime) -> dict[str, Any]:
    if not host.mdm:
        none = {
            "enrollment_status": None,
            "name": "",
            "server_url": None,
            "connected_to_fleet": False,
        }
        return {"last_mdm_checked_in_at": None, "last_mdm_enrolled_at": None, "mdm": none}
    done = [c.done for c in commands() if c.host == host and c.done and c.done <= when]
    before = START - timedelta(hours=2, minutes=24, seconds=draw(1, 40, "before", host.name))
    return {
        "last_mdm_checked_in_at": rfc(max(done, default=before)),
        "last_mdm_enrolled_at": rfc(_enrolled(host)),
        "mdm": {
            "enrollment_status": "On (automatic)",
            "name": "Fleet",
            "server_url": f"{URL}/mdm/apple/mdm",
            "connected_to_fleet": True,
        },
    }


def profiles(host: Host, when: datetime) -> list[dict[str, str]]:
    """Return a Mac's profiles as they stood at a moment."""
    state = {"Firewall": "verified"} | ({} if host.name in STUCK else {"FileVault": "verified"})
    for command in commands():
        asked = command.queued - timedelta(seconds=17)
        if command.profile and command.host == host and asked <= when:
            state[command.profile] = _delivery(command, when)
    return [
        {
            "profile_uuid": "a" + uuid("profile", name).lower(),
            "name": name,
            "status": status,
            "operation_type": "install",
            "detail": "",
        }
        for name, status in state.items()
        if name != "FileVault" or status == "verified" or when >= MOVED
    ]


def _delivery(command: Command, when: datetime) -> str:
    """Return how far a profile had come: the Mac acknowledges it, then osquery finds it there."""
    done = command.done
    if done is None or when < done:
        return "pending"
    found = min((t for t in details(command.host) if t > done), default=END)
    return "verified" if when >= found else "verifying"


def fleet_commands() -> list[Line]:
    """Return the newest commands each hour, and those of the two Macs every five minutes."""
    lists = [_command_page(when, "per_page=10", lambda _: True) for when in hourly()]
    for when, host in watched():
        if host.name in STUCK:
            mine: Callable[[Command], bool] = lambda c, host=host: c.host == host  # type: ignore[misc] # noqa: E731
            lists.append(
                _command_page(when + timedelta(seconds=2), f"host_identifier={host.uuid}", mine)
            )
    return lists


def _command_page(when: datetime, query: str, wanted: Callable[[Command], bool]) -> Line:
    told = [_command_row(c, when) for c in commands() if c.queued <= when and wanted(c)]
    told.sort(key=lambda row: row["updated_at"], reverse=True)
    request = f"/api/v1/fleet/commands?{query}&order_key=updated_at&order_direction=desc"
    return _page(when, request, {"results": told[:10]})


def _command_row(command: Command, when: datetime) -> dict[str, str]:
    done = command.done if command.done and command.done <= when else None
    return {
        "host_uuid": command.host.uuid,
        "command_uuid": command.uuid,
        "status": "Acknowledged" if done else "Pending",
        "updated_at": rfc(done or command.queued),
        "request_type": command.kind,
        "hostname": command.host.name,
    } | ({"name": command.profile} if command.profile else {})


def fleet_activities() -> list[Line]:
    """Return each time what was done since the time before, the newest first."""
    done = [_activity(number, *one) for number, one in enumerate(_DONE)]
    lists = []
    for before, when in zip([START, *hourly()], hourly(), strict=False):
        new = [row for row in reversed(done) if rfc(before) <= row["created_at"] < rfc(when)]
        request = "/api/v1/fleet/activities?page=0&per_page=100&order_key=id&order_direction=desc"
        if new:
            lists.append(_page(when, request, {"activities": new}))
    return lists


_DONE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    # when, what, and to whom
    ("11:44:50", "created_macos_profile", {"profile_name": "Screen lock"}),
    ("16:20:15", "created_macos_profile", {"profile_name": "Printers"}),
    (
        "05:40:20",
        "fleet_enrolled",
        {
            "host_id": HOST["linux-02"].ident,
            "host_serial": HOST["linux-02"].serial,
            "host_display_name": "linux-02",
        },
    ),
    ("07:30:04", "edited_macos_profile", {"profile_name": "Printers"}),
    (
        "09:13:03",
        "transferred_hosts",
        {"host_ids": [14, 15], "team_id": 3, "team_name": "FileVault"},
    ),
)


def _activity(number: int, clock: str, kind: str, details: dict[str, Any]) -> dict[str, Any]:
    by_fleet = kind == "fleet_enrolled"
    actor = {
        "actor_full_name": "Fleet" if by_fleet else "Ada Admin",
        "actor_id": None if by_fleet else 1,
        "actor_email": "" if by_fleet else "ada@example.com",
    }
    rest = {"type": kind, "fleet_initiated": by_fleet, "details": details}
    return {"created_at": rfc(at(clock)), "id": 410 + number, **actor, **rest}


def fleet_apns() -> list[Line]:
    """Return what Fleet's push certificate was, each hour."""
    body = {
        "common_name": f"APSP:{uuid('push').lower()}",
        "serial_number": str(draw(10**17, 10**18, "push")),
        "issuer": "Apple Application Integration 2 Certification Authority",
        "renew_date": rfc(PUSH_CERTIFICATE_ENDS),
    }
    return [_page(when, "/api/v1/fleet/apns", body) for when in hourly()]


def fleet_db_locks() -> list[Line]:
    """Return the lock waits that were seen when somebody looked: after the refetch, for two minutes."""
    asked = ("09:11:40", "09:12:20", "09:13:00", "09:13:40", "09:14:20")
    return [_page(at(clock), "/debug/db/locks", _waits(at(clock))) for clock in asked]


def _waits(when: datetime) -> list[dict[str, Any]]:
    thread = draw(9000, 9400, "thread", when)
    waits = [
        {
            "waiting_trx_id": str(draw(88_000_000, 89_000_000, "trx", name)),
            "waiting_thread": thread + number,
            "waiting_query": "DELETE FROM host_software WHERE host_id = ? AND software_id IN (?)",
            "blocking_trx_id": str(draw(88_000_000, 89_000_000, "trx", "transfer")),
            "blocking_thread": thread - 7,
            "blocking_query": "UPDATE hosts SET team_id = ? WHERE id IN (?)",
        }
        for number, (clock, name, error, took, *_) in enumerate(LOCKED)
        if at(clock[:8]) - timedelta(seconds=float(took[:-1])) <= when <= at(clock[:8])
    ]
    for wait in waits[1:]:
        del wait["blocking_query"]
    return waits


def fleet_errors() -> list[Line]:
    """Return the kinds of errors that Fleet kept, whenever one of them grew."""
    lines = []
    for when in hourly():
        kinds: dict[str, list[datetime]] = {}
        for clock, _, error, *_ in LOCKED:
            kinds.setdefault(error, []).append(at(clock[:8]))
        kinds[EXPIRED] = list(every(at("08:40:53"), END, minutes=5))
        now = {why: [t for t in times if t <= when] for why, times in kinds.items()}
        if any(now.values()):
            body = [_kept(why, times) for why, times in now.items() if times]
            lines.append(_page(when, "/debug/errors?flush=false", body))
    return lines


def _kept(why: str, times: list[datetime]) -> dict[str, Any]:
    wraps = "sending push notification" if why == EXPIRED else "error in query ingestion"
    stack = ["github.com/fleetdm/fleet/v4/server/contexts/ctxerr.Handle (ctxerr.go:262)"]
    seen_at = {"timestamp": rfc(times[0])}
    chain = [{"message": why}, {"message": wraps, "data": seen_at, "stack": stack}]
    return {"count": str(len(times)), "chain": chain}


# --- Logs that live on a host ---------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One entry of a Mac's unified log."""

    when: datetime
    process: str
    message: str
    subsystem: str = ""
    category: str = ""
    kind: str = "Default"
    sender: str = ""
    event: str = "logEvent"
    more: dict[str, object] = field(default_factory=dict)


PROCESSES = {
    "mdmclient": ("/usr/libexec/mdmclient", 412),
    "apsd": ("/System/Library/PrivateFrameworks/ApplePushService.framework/apsd", 133),
    "powerd": ("/System/Library/CoreServices/powerd.bundle/powerd", 78),
    "kernel": ("/kernel", 0),
    "timed": ("/usr/libexec/timed", 142),
    "trustd": ("/usr/libexec/trustd", 160),
    "nsurlsessiond": ("/usr/libexec/nsurlsessiond", 389),
    "Safari": ("/Applications/Safari.app/Contents/MacOS/Safari", 2210),
    "": ("", 0),
}
LEVEL_CODES = {"Default": 0x00, "Info": 0x01, "Debug": 0x02, "Error": 0x10, "Fault": 0x11}
PREDICATE = "process IN {" + ", ".join(f'"{name}"' for name in PROCESSES if name) + "}"
"""What was asked for when the logs were exported."""


ALIVE = "<private>: keep-alive answered by the courier, connected on interface en0"
COLLECTED = {"mac-015": at("08:00:00")}
"""Until when a Mac's own log was fetched, where that was not the end."""


def unified_entries(host: Host) -> list[Entry]:
    """Return what one Mac wrote, in order."""
    found = [*_routine(host), *_mdm_entries(host)]
    if host.name == "mac-018":
        found += _asleep()
    if host.name == "mac-019":
        found += _unknown_authority()
    end = COLLECTED.get(host.name, END)
    near = [START + timedelta(seconds=host.ident), end - timedelta(seconds=host.ident)]
    found += [
        Entry(later(when, 0, 999), "apsd", ALIVE, "com.apple.apsd", "courier", "Info")
        for when in near
    ]
    return sorted((e for e in found if e.when <= end), key=lambda e: e.when)


def _routine(host: Host) -> Iterator[Entry]:
    for hour, when in enumerate(every(START + timedelta(minutes=host.ident), END, minutes=66)):
        if awake(host, when):
            yield from _of_the_hour(host, hour, when)
    for when in every(START + timedelta(minutes=host.ident, seconds=9), END, hours=7):
        text = "=== log class: persist begins"
        yield Entry(when, "", text, kind="", event="timesyncEvent")


def _of_the_hour(host: Host, hour: int, when: datetime) -> Iterator[Entry]:
    near = later(when, 100, 9000, host.name)
    if hour % 3 == 0:
        stamp = f"{when:%a %b} {when.day:2} {when:%H:%M:%S %Y}±0.0{draw(1, 9, near)}"
        clock = f'Received time {stamp} from "NTP"'
        yield Entry(later(when, 1, 90), "timed", clock, "com.apple.timed", "text")
        yield Entry(near, "apsd", "", "com.apple.apsd", "", "", "Security", "activityCreateEvent")
    else:
        yield Entry(near, "apsd", ALIVE, "com.apple.apsd", "courier", "Info")
    if hour % 5 == 2:
        text = f"cannot open file at line {draw(49000, 52000, near)} of [{hexa(10, near)}]"
        yield Entry(
            near,
            "Safari",
            text,
            "com.apple.libsqlite3",
            "logging-persist",
            "Error",
            "libsqlite3.dylib",
        )


def _mdm_entries(host: Host) -> Iterator[Entry]:
    """Yield how mdmclient tells of each command; the server's log has the same at the same time."""
    sub = "com.apple.ManagedClient"
    for number, command in enumerate(commands()):
        if command.host != host or not command.done:
            continue
        thread = f"0x{draw(0x1000, 0x9FFF, host.name, number):x}"
        talk = f"[0:MDMDaemon:HTTPUtil:<{thread}>]"
        result = f"[Acknowledged({command.kind}):{command.uuid}]"
        served = (
            f"[*] [0:MDMDaemon:<{thread}>] Processing server request: {command.kind} for: <Device> "
        )
        for before, process, category, text in (
            (
                2210,
                "apsd",
                "connection",
                f"push for topic com.apple.mgmt.External.{uuid('topic').lower()}: delivered",
            ),
            (
                2080,
                "mdmclient",
                "HTTPUtil",
                f"{talk} >>>>> Sending HTTP request (PUT) [Idle] >>>>>",
            ),
            (
                1950,
                "mdmclient",
                "HTTPUtil",
                f"{talk} <<<<< Received HTTP response (200) [Idle] <<<<<",
            ),
            (1940, "mdmclient", "MDMDaemon", f"{served}({command.uuid}) PowerNap: no"),
            (
                70,
                "mdmclient",
                "HTTPUtil",
                f"{talk} >>>>> Sending HTTP request (PUT) {result} >>>>>",
            ),
            (
                -40,
                "mdmclient",
                "HTTPUtil",
                f"{talk} <<<<< Received HTTP response (200) {result} <<<<<",
            ),
        ):
            when = command.done - timedelta(milliseconds=before)
            yield Entry(
                when, process, text, "com.apple.apsd" if process == "apsd" else sub, category
            )


SLEEP = "Entering Sleep state due to '{} Sleep':TCPKeepAlive=active Using Batt (Charge:{}%)"
DARK = "DarkWake from Deep Idle [CDNP] : due to RTC/Maintenance Using BATT (Charge:{}%) {} secs"
WAKE = "Wake from Deep Idle [CDNVA] : due to EC.LidOpen/Lid Open Using BATT (Charge:81%)"
NIGHT = (
    # when, process, words; the Mac wakes a little now and then, and tells nobody
    ("01:09:58.204", "powerd", SLEEP.format("Clamshell", 88)),
    ("01:10:01.377", "kernel", "PMRD: System Sleep"),
    ("02:41:12.090", "powerd", DARK.format(86, 41)),
    ("02:41:53.115", "powerd", SLEEP.format("Maintenance", 86)),
    ("04:37:40.662", "powerd", DARK.format(83, 38)),
    ("04:38:18.701", "powerd", SLEEP.format("Maintenance", 83)),
    ("06:20:09.338", "kernel", "PMRD: System Wake"),
    ("06:20:09.341", "kernel", "Wake reason: EC.LidOpen"),
    ("06:20:09.520", "powerd", WAKE),
)


def _asleep() -> Iterator[Entry]:
    for clock, process, text in NIGHT:
        if process == "kernel":
            yield Entry(at(clock), process, text)
        else:
            yield Entry(at(clock), process, text, "com.apple.powerd", "sleepWake")


def _unknown_authority() -> Iterator[Entry]:
    """Yield downloads of mac-019 that a firewall opens with an authority the Mac does not know."""
    for number, clock in enumerate(
        ("13:02:11.104", "13:17:40.662", "13:32:52.018", "13:47:08.547")
    ):
        for step, (process, where, said) in enumerate(_refused_download(12 + number)):
            subsystem, category, sender = where
            when = at(clock) + timedelta(milliseconds=3 * step)
            yield Entry(when, process, said, subsystem, category, "Error", sender)


def _refused_download(con: int) -> Iterator[tuple[str, tuple[str, str, str], str]]:
    alert = f"boringssl_context_handle_fatal_alert(2072) [C{con}.1.1:2][0x7f8{hexa(6, con)}]"
    failed = f"""Task <{uuid("task", con)}>.<1> finished with error [-1202] """
    failed += (
        'Error Domain=NSURLErrorDomain Code=-1202 "The certificate for this server is invalid." '
    )
    failed += "UserInfo={NSErrorFailingURLStringKey=https://downloads.example.com/catalog/v3, "
    failed += "_kCFStreamErrorCodeKey=-9807, _kCFStreamErrorDomainKey=3}"
    yield (
        "trustd",
        ("com.apple.securityd", "SecError", ""),
        "Trust evaluate failure: [root AnchorTrusted]",
    )
    yield (
        "nsurlsessiond",
        ("com.apple.network", "boringssl", "libboringssl.dylib"),
        f"{alert} write alert, level: fatal, description: unknown CA",
    )
    for said in (
        f"Connection {con}: default TLS Trust evaluation failed(-9807)",
        f"Connection {con}: TLS Trust encountered error 3:-9807",
        failed,
    ):
        yield "nsurlsessiond", ("com.apple.CFNetwork", "Default", "CFNetwork"), said


def unified_ndjson(host: Host, zone: timezone) -> str:
    """Return a Mac's log as ``log show --style ndjson`` writes it, with banner and last line."""
    entries = unified_entries(host)
    banner = f'Filtering the log data using "{PREDICATE}"'
    lines = [_ndjson(host, entry, zone) for entry in entries]
    return "\n".join((banner, *lines, pack({"count": len(entries), "finished": 1}))) + "\n"


def _ndjson(host: Host, entry: Entry, zone: timezone) -> str:
    record = _ndjson_record(host, entry, zone)
    if entry.event != "logEvent":
        for key in ("messageType", "source", "backtrace"):
            del record[key]
    if entry.event == "activityCreateEvent":
        record |= {"eventMessage": "evaluate trust", "creatorActivityID": 0, "formatString": ""}
    return pack(record).replace("/", "\\/")


def _ndjson_record(host: Host, entry: Entry, zone: timezone) -> dict[str, Any]:
    path, pid = PROCESSES[entry.process]
    sender = f"/usr/lib/{entry.sender}" if entry.sender else path
    image, offset = (
        uuid("image", sender),
        draw(4096, 900_000, "offset", entry.process, entry.category),
    )
    code = LEVEL_CODES.get(entry.kind, 0)
    ticks = int((entry.when - _enrolled(host)).total_seconds() * 24_000_000)
    return {
        "timezoneName": "",
        "messageType": entry.kind,
        "eventType": entry.event,
        "source": None,
        "formatString": "%{public}@" if entry.process else "",
        "userID": 501 if entry.process == "Safari" else 0,
        "activityIdentifier": 0,
        "subsystem": entry.subsystem,
        "category": entry.category,
        "threadID": _thread(host, entry),
        "senderImageUUID": image,
        "backtrace": {"frames": [{"imageOffset": offset, "imageUUID": image}]},
        "bootUUID": uuid("boot", host.name),
        "processImagePath": path,
        "senderImagePath": sender,
        "timestamp": f"{entry.when.astimezone(zone):%Y-%m-%d %H:%M:%S.%f%z}",
        "machTimestamp": ticks,
        "eventMessage": entry.message,
        "processImageUUID": uuid("image", path),
        "traceID": (draw(1 << 20, 1 << 31, entry.message[:20]) << 32) | (code << 8) | 4,
        "processID": pid,
        "senderProgramCounter": offset,
        "parentActivityIdentifier": 0,
    }


def _thread(host: Host, entry: Entry) -> int:
    return draw(0x1000, 0xFFFFF, "thread", host.name, entry.process)


def _plain(host: Host) -> Iterator[Entry]:
    """Yield the entries that the text styles can show."""
    yield from (entry for entry in unified_entries(host) if entry.event == "logEvent")


def _words(entry: Entry) -> str:
    sender = f"({entry.sender}) " if entry.sender else ""
    subsystem = f"[{entry.subsystem}:{entry.category}] " if entry.subsystem else ""
    return f"{sender}{subsystem}{entry.message}"


def unified_default(host: Host, zone: timezone) -> str:
    """Return a Mac's log in the style that ``log show`` takes when none is asked for."""
    header = (
        "Timestamp                       Thread     Type        Activity             PID    TTL  "
    )
    entries = list(_plain(host))
    lines = [
        f"{e.when.astimezone(zone):%Y-%m-%d %H:%M:%S.%f%z} {_thread(host, e):<#10x} {e.kind:<11} "
        f"{'0x0':<20} {PROCESSES[e.process][1]:<6} 0    {e.process}: {_words(e)}"
        for e in entries
    ]
    count = {kind: sum(e.kind == kind for e in entries) for kind in LEVEL_CODES}
    order = ("Default", "Info", "Debug", "Error", "Fault")
    counted = "Log      - " + ", ".join(f"{kind}: {count[kind]:>10}" for kind in order)
    activity = "Activity - Create:          0, Transition:          0, Actions:          0"
    banner = f'Filtering the log data using "{PREDICATE}"'
    return "\n".join((banner, header, *lines, "-" * 116, counted, activity)) + "\n"


def unified_compact(host: Host) -> str:
    """Return a Mac's log in the compact style, which names no zone: ``--timezone UTC``."""
    short = {"Default": "Df", "Info": "I ", "Debug": "Db", "Error": "E ", "Fault": "F "}
    lines = [
        f"{e.when:%Y-%m-%d %H:%M:%S}.{e.when.microsecond // 1000:03} {short[e.kind]} "
        f"{e.process}[{PROCESSES[e.process][1]}:{_thread(host, e):x}] {_words(e)}"
        for e in _plain(host)
    ]
    return "\n".join(("Timestamp               Ty Process[PID:TID]", *lines)) + "\n"


def orbit(host: Host) -> list[Line]:
    """Return the log of Fleet's agent on one host."""
    special = {"linux-02": _orbit_linux_02, "win-01": _orbit_windows, "mac-018": _orbit_laptop}
    return [*_orbit_routine(host), *special.get(host.name, lambda: ())()]


def _console(when: datetime, text: str, level: str = "INF") -> Line:
    return when, f"{when.astimezone(BERLIN).isoformat(timespec='seconds')} {level} {text}"


def _orbit_routine(host: Host) -> Iterator[Line]:
    for when in every(START + timedelta(seconds=3600 - 3 * host.ident), END, hours=1):
        if awake(host, when):
            yield _console(when, "token TTL expired, rotating token")
    for when in every(START + timedelta(minutes=2 * host.ident), END, hours=5):
        if awake(host, when):
            yield _console(when, 'update check finished channel=stable result="nothing new"', "DBG")


def _orbit_start(when: datetime, command: str) -> Iterator[Line]:
    for number, text in enumerate(
        (
            "found enroll secret in keystore",
            f"hash(orbit)={hexa(128, 'orbit', command)}",
            "orbit version: 1.43.0",
            "Found osquery version: 5.17.0",
            "token rotation is enabled",
            f'start osqueryd cmd="{command}"',
        )
    ):
        yield _console(when + timedelta(seconds=number // 2), text)


FLAGS = (
    "--host_identifier=uuid --tls_hostname=fleet.example.com --config_plugin=tls "
    "--enroll_tls_endpoint=/api/osquery/enroll --config_refresh=60 --distributed_plugin=tls "
    "--distributed_tls_max_attempts=10 --logger_plugin=tls,filesystem --logger_tls_period=10"
)


def _orbit_linux_02() -> Iterator[Line]:
    """Yield a start, refusals of a chain that has run out, and a start that goes well."""
    yield from _orbit_start(
        at("05:00:31"), f"/opt/orbit/bin/osqueryd/linux/stable/osqueryd {FLAGS}"
    )
    post = rf"POST /api/fleet/orbit/enroll: Post \"{URL}/api/fleet/orbit/enroll\": tls: failed"
    for when, program in handshakes():
        if program == "orbit":
            now = when.astimezone(BERLIN).isoformat(timespec="seconds")
            expired = "x509: certificate has expired or is not yet valid: current time"
            why = f"{post} to verify certificate: {expired} {now} is after 2026-03-10T05:00:00Z"
            yield _console(when, f'enroll failed, will retry error="{why}"')
    yield _console(at("05:40:17"), "enrolled, node key saved")


def _orbit_windows() -> Iterator[Line]:
    """Yield the restart after Windows had updated itself."""
    yield _console(at("03:00:04"), "interrupt received, shutting down")
    path = r"C:\\Program Files\\Orbit\\bin\\osqueryd\\windows\\stable\\osqueryd.exe"
    yield from _orbit_start(at("03:11:58"), f"{path} {FLAGS}")


def _orbit_laptop() -> Iterator[Line]:
    """Yield the one call that a laptop makes before it has its network back."""
    uri = "/api/fleet/orbit/config"
    lookup = "dial tcp: lookup fleet.example.com: no such host"
    why = rf"error getting flags from fleet: POST {uri}: Post \"{URL}{uri}\": {lookup}"
    yield _console(at("06:20:13"), f'flags updates failed error="{why}"')


# --- Files ----------------------------------------------------------------------------------------


def text(lines: Iterable[Line]) -> str:
    """Return a log: its lines of the day, in the order they were written."""
    within = [line for line in lines if START <= line[0] <= END]
    return "".join(f"{words}\n" for _, words in sorted(within, key=lambda line: line[0]))


def samples() -> dict[str, str]:
    """Return the text of every sample by its place in ``sample_logs/``."""
    central = {
        "fleet_server.log": fleet_server,
        "nginx_access.log": nginx_access,
        "nginx_error.log": nginx_error,
        "alb_access.log": alb_access,
        "mysql_error.log": mysql_error,
        "journald.ndjson": journald,
        "syslog.log": syslog,
        "osquery_status.ndjson": osquery_status,
        "osquery_results.ndjson": osquery_results,
        "fleet_hosts.ndjson": fleet_hosts,
        "fleet_profiles.ndjson": fleet_profiles,
        "fleet_commands.ndjson": fleet_commands,
        "fleet_activities.ndjson": fleet_activities,
        "fleet_apns.ndjson": fleet_apns,
        "fleet_db_locks.ndjson": fleet_db_locks,
        "fleet_errors.ndjson": fleet_errors,
    }
    agents = ("mac-012", "mac-014", "mac-018", "linux-02", "win-01")
    found = {name: text(log()) for name, log in central.items()}
    found |= {f"orbit/{name}.log": text(orbit(HOST[name])) for name in agents}
    zones = {"mac-011": UTC, "mac-014": BERLIN, "mac-015": UTC, "mac-018": UTC, "mac-019": BERLIN}
    for name, zone in zones.items():
        found[f"unified_log/{name}.ndjson"] = unified_ndjson(HOST[name], zone)
    found["unified_log/mac-012.log"] = unified_default(HOST["mac-012"], BERLIN)
    found["unified_log/mac-013.log"] = unified_compact(HOST["mac-013"])
    return found


def main() -> None:
    """Write the samples into the folder named, else into ``sample_logs/``."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1] / "sample_logs"
    for name, words in samples().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(words.encode())


if __name__ == "__main__":
    main()
