"""The MDM side of a host: a push wakes it, it asks for commands, answers, and Fleet takes the answer down."""

from lab import central, own
from lab.world import ROTATED, Command, Delivery, Host, World

AGENT = "MDM-OSX/1.0 mdmclient/1660"
PHONE = "MDM/1.0"
PUT = "PUT /mdm/apple/mdm HTTP/2.0"
CLIENT = ("mdmclient", "Default", "com.apple.ManagedClient", "MDMDaemon")
HTTP = ("mdmclient", "Default", "com.apple.ManagedClient", "HTTPUtil")
RETRIES = 3


def push(world: World, host: Host) -> None:
    """Ask Apple to wake a host, which then connects."""
    if world.struck("push", host) is not None:
        return
    if host.awake and world.struck("wake", host) is None:
        world.after(world.dice.uniform(2, 6), connect, world, host)


def connect(world: World, host: Host) -> None:
    """Let a host report to MDM, as after a push."""
    if host.awake and _put(world, host, "Idle", None):
        _next(world, host, skip_not_now=False)


def _next(world: World, host: Host, *, skip_not_now: bool) -> None:
    """Hand out the oldest command; after a NotNow, the oldest that was not put off."""
    for command in host.queue:
        if skip_not_now and command.status == "NotNow":
            continue
        if world.struck("hand out", host, command.kind) is None:
            world.after(world.dice.uniform(0.3, 2), _answer, world, host, command)
        return


def _answer(world: World, host: Host, command: Command) -> None:
    if not host.awake or command not in host.queue:
        return
    log = f"[0:MDMDaemon:<0x{host.number:x}a>]"
    own.unified(
        world, host, CLIENT,
        f"[*] {log} Processing server request: {command.kind} for: <Device> ({command.key}) PowerNap: no",
    )  # fmt: skip
    status = world.struck("answer", host, command.kind) or "Acknowledged"
    if status == "silent" or not _put(world, host, status, command):
        return
    taken(world, host, command, status)
    _next(world, host, skip_not_now=status == "NotNow")


def _put(world: World, host: Host, status: str, command: Command | None) -> bool:
    """Send a report to Fleet; return whether it came there."""
    what = f"{status}({command.kind}):{command.key}" if command else status
    if world.struck("mdm", host, what) is not None:
        return False
    own.unified(world, host, HTTP, f">>>>> Sending HTTP request (PUT) [{what}] >>>>>")
    if world.struck("report", host, what) is not None:
        return False
    central.request(world, host, PUT, PHONE if host.platform == "ios" else AGENT)
    fields = {"component": "http-mdm-apple-mdm", "handler": "checkin-command", "id": host.key,
              "type": "Device", "status": status}  # fmt: skip
    if command:
        fields["command_uuid"] = command.key
    central.fleet(world, "info", fields, host)
    own.unified(world, host, HTTP, f"<<<<< Received HTTP response (200) [{what}] <<<<<")
    host.mdm_seen = world.now
    return True


def taken(world: World, host: Host, command: Command, status: str) -> None:
    """Take down what a host answered, as Fleet does."""
    command.status, command.updated = status, world.now
    if status == "NotNow":
        return
    host.queue.remove(command)
    if command.kind == "DeviceInformation":
        host.details = host.seen = world.now
    delivery = command.delivery
    if delivery is None or delivery not in host.deliveries:
        return
    if status == "Error":
        _refused(world, host, delivery)
    elif delivery.profile.declaration:
        declarations(world, host, delivery)
    elif delivery.operation == "remove":
        host.deliveries.remove(delivery)
    else:
        delivery.status = "verified" if host.platform == "ios" else "verifying"
        delivery.since = world.now


def _refused(world: World, host: Host, delivery: Delivery) -> None:
    """Try a profile again that the host refused, as often as Fleet does."""
    delivery.detail = world.struck("detail", host, delivery.profile.name) or "the command failed"
    delivery.retries += 1
    delivery.status = None if delivery.retries <= RETRIES else "failed"
    delivery.since = world.now


def declarations(world: World, host: Host, delivery: Delivery) -> None:
    """Let a host fetch its declarations and report what became of them."""
    delivery.status, delivery.since = "verifying", world.now
    for endpoint in ("tokens", "declaration-items", "declaration/configuration", "status"):
        if world.struck("declare", host, endpoint) is not None:
            return
        checkin(world, host, endpoint)
    if world.struck("declared", host, delivery.profile.name) is None:
        if delivery.operation == "remove":
            host.deliveries.remove(delivery)
        else:
            delivery.status, delivery.since = "verified", world.now


def checkin(world: World, host: Host, endpoint: str) -> None:
    """Write a request of declarative management."""
    central.request(world, host, PUT, PHONE if host.platform == "ios" else AGENT)
    fields = {"component": "http-mdm-apple-mdm", "handler": "checkin-command", "id": host.key,
              "type": "Device", "msg": "DeclarativeManagement", "endpoint": endpoint}  # fmt: skip
    central.fleet(world, "info", fields, host)
    host.mdm_seen = world.now


def report(world: World, host: Host) -> None:
    """Let a Mac send a status report by itself, as it does a few times a day."""
    world.after(world.around(5 * 3600, 0.4), report, world, host)
    if (
        host.awake
        and host.enrollment.startswith("On")
        and world.struck("mdm", host, "status") is None
    ):
        checkin(world, host, "status")
        if host.queue and world.now >= ROTATED:
            connect(world, host)
