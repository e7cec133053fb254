"""Fleet itself: its crons make and push commands, administrators roll out profiles."""

from typing import Any

from lab import central, mdm
from lab.central import moment
from lab.world import HISTORY, HOUR, MINUTE, Command, Delivery, Host, Profile, World

_CRONS = {
    "frequent_cleanups": 15 * MINUTE, "cleanups_then_aggregation": HOUR, "integrations": MINUTE,
    "apple_mdm_dep_profile_assigner": MINUTE, "apple_mdm_iphone_ipad_refetcher": 10 * MINUTE,
    "automations": 10 * MINUTE, "mdm_windows_profile_manager": MINUTE,
}  # fmt: skip
_WEEK = 7 * 24 * HOUR


def start(world: World) -> None:
    """Let the crons run, and phones and Macs report now and then."""
    for name, every in _CRONS.items():
        world.at(HISTORY + world.dice.uniform(0, every), _cron, world, name, every)
    world.at(HISTORY + world.dice.uniform(0, 30), _manager, world)
    world.at(HISTORY + world.dice.uniform(0, MINUTE), _pusher, world)
    for host in world.hosts:
        if host.platform == "ios":
            world.at(HISTORY + world.dice.uniform(0, HOUR), _ask_phone, world, host)
        elif host.platform == "darwin" and host.mdm_seen:
            world.at(HISTORY + world.dice.uniform(0, 5 * HOUR), mdm.report, world, host)


def scheduled(
    world: World,
    name: str,
    status: str,
    extra: dict[str, Any] | None = None,
    proof: str | None = None,
) -> None:
    """Write a cron's line; what is wrong with its run, in ``extra``, makes it an error."""
    fields = {"cron": name, "instanceID": world.instance, "schedule": name}
    if extra:
        central.fleet(world, "error", {**fields, **extra}, None, proof)
    else:
        central.fleet(world, "info", {**fields, "status": status})


def _cron(world: World, name: str, every: float) -> None:
    world.after(every, _cron, world, name, every)
    if world.struck("server", world.hosts[0]) is None:
        scheduled(world, name, "pending")
        world.struck("cron", world.hosts[0], name)
        scheduled(world, name, "completed")


def _manager(world: World) -> None:
    """Make commands for what is new, each half minute."""
    world.after(30, _manager, world)
    if world.struck("server", world.hosts[0]) is not None:
        return
    scheduled(world, "mdm_apple_profile_manager", "pending")
    waiting = [
        (host, delivery)
        for host in world.hosts
        for delivery in host.deliveries
        if delivery.status is None
    ]
    if waiting and world.struck("schedule", world.hosts[0]) is None:
        for host, delivery in waiting:
            if world.struck("enqueue", host, delivery.profile.name) is None:
                _enqueue(world, host, delivery)
    scheduled(world, "mdm_apple_profile_manager", "completed")


def _enqueue(world: World, host: Host, delivery: Delivery) -> None:
    kind = "InstallProfile" if delivery.operation == "install" else "RemoveProfile"
    delivery.status = "pending"
    command(
        world, host, "DeclarativeManagement" if delivery.profile.declaration else kind, delivery
    )
    mdm.push(world, host)


def command(world: World, host: Host, kind: str, delivery: Delivery | None = None) -> Command:
    """Queue a command for a host."""
    made = Command(world.uuid().lower(), host, kind, world.now, delivery, updated=world.now)
    host.queue.append(made)
    world.commands.append(made)
    return made


def _pusher(world: World) -> None:
    """Push again to those who have not answered, each minute; who answered NotNow is left alone."""
    world.after(MINUTE, _pusher, world)
    if world.struck("server", world.hosts[0]) is not None:
        return
    scheduled(world, "apple_mdm_apns_pusher", "pending")
    for host in world.hosts:
        if any(c.status == "Pending" and world.now - c.made < _WEEK for c in host.queue):
            mdm.push(world, host)
    world.struck("pushed", world.hosts[0])
    scheduled(world, "apple_mdm_apns_pusher", "completed")


def _ask_phone(world: World, host: Host) -> None:
    world.after(world.around(HOUR), _ask_phone, world, host)
    if not any(c.kind == "DeviceInformation" for c in host.queue):
        command(world, host, "DeviceInformation")
        mdm.push(world, host)


def activity(world: World, kind: str, details: dict[str, object], actor: str = "Ada Admin") -> None:
    """Write down what an administrator did, or Fleet itself."""
    mail = "" if actor == "Fleet" else "ada@example.com"
    world.activities.append({
        "created_at": f"{moment(world.now):%Y-%m-%dT%H:%M:%SZ}", "id": 400 + len(world.activities),
        "actor_full_name": actor, "actor_id": 1 if mail else None, "actor_email": mail, "type": kind,
        "fleet_initiated": actor == "Fleet", "details": details,
    })  # fmt: skip


def rollout(world: World, profile: Profile, hosts: list[Host], operation: str = "install") -> None:
    """Give a profile to hosts, or take it from them."""
    central.fleet(
        world, "info",
        {"component": "http", "user": "ada@example.com", "method": "POST",
         "uri": "/api/latest/fleet/configuration_profiles", "took": world.dice.uniform(0.01, 0.2)},
    )  # fmt: skip
    kind = "declaration" if profile.declaration else "macos"
    verb = "created" if operation == "install" else "deleted"
    activity(world, f"{verb}_{kind}_profile", {"profile_name": profile.name})
    for host in hosts:
        host.deliveries = [one for one in host.deliveries if one.profile.key != profile.key]
        host.deliveries.append(Delivery(profile, None, world.now, operation))


def refetch(world: World, host: Host) -> None:
    """Let an administrator ask for a host's details."""
    host.refetch = host.platform != "ios"
    fields = {"component": "http", "user": "ada@example.com", "method": "POST",
              "uri": f"/api/latest/fleet/hosts/{host.number}/refetch", "took": 0.011}  # fmt: skip
    central.fleet(world, "info", fields, host)
