"""Pulls Fleet's API at intervals, as lastseen does, and spools what it answers."""

from typing import Any

from lab.central import compact, moment
from lab.world import HISTORY, HOUR, MINUTE, NOW, WINDOW, Delivery, Host, World

_POLL = 5 * MINUTE
_ONLINE = 2 * MINUTE
"""Fleet calls a host online if it was seen so lately: twice its interval of a minute."""


def start(world: World) -> None:
    """Pull every two hours, and in the window every few minutes."""
    state: dict[str, Any] = {"commands": {}, "activities": 0, "errors": {}}
    at = HISTORY + 5 * MINUTE
    turn = 0
    while at < NOW:
        world.at(at, _pull, world, state, turn)
        at += 2 * HOUR if at < WINDOW - HOUR else _POLL
        turn += 1


def stamp(at: float | None) -> str:
    """Write a moment as Fleet does; None is a date long ago, for never."""
    return "2000-01-01T00:00:00Z" if at is None else f"{moment(at):%Y-%m-%dT%H:%M:%SZ}"


def _keep(world: World, log: str, request: str, body: object) -> None:
    page = {"pulled_at": stamp(world.now), "source": "fleet", "request": request, "body": body}
    world.journal.write(log, world.now, compact(page))


def _pull(world: World, state: dict[str, Any], turn: int) -> None:
    if world.struck("server", world.hosts[0], "api") is not None:
        return
    page = [_host(world, host) for host in world.hosts]
    _keep(
        world,
        "fleet_hosts",
        "/api/v1/fleet/hosts?page=0&per_page=100&order_key=id",
        {"hosts": page},
    )
    if world.now < WINDOW or turn % round(world.habits.details_every / _POLL) == 0:
        for host, told in zip(world.hosts, page, strict=True):
            if host.apple:
                request = f"/api/v1/fleet/hosts/{host.number}?exclude_software=true"
                _keep(world, "fleet_profiles", request, {"host": _details(host, told)})
    _commands(world, state["commands"])
    _activities(world, state)
    apns = {
        "common_name": world.push.name, "serial_number": str(world.push.serial),
        "issuer": "Apple Application Integration 2 Certification Authority",
        "renew_date": stamp(world.push.ends),
    }  # fmt: skip
    if world.now < WINDOW or turn % 6 == 0:
        _keep(world, "fleet_apns", "/api/v1/fleet/apns", apns)
    _locks(world)
    _errors(world, state["errors"])


def _host(world: World, host: Host) -> dict[str, Any]:
    online = host.agent and world.now - host.seen < _ONLINE
    told = {
        "id": host.number, "uuid": host.key, "hardware_serial": host.serial, "hostname": host.name,
        "computer_name": host.name, "platform": host.platform, "os_version": host.version,
        "osquery_version": "5.17.0" if host.agent else "", "orbit_version": "1.43.0" if host.agent else None,
        "status": "online" if online else "offline", "created_at": "2025-10-22T14:15:00Z",
        "last_enrolled_at": stamp(host.enrolled or None),
        "seen_time": stamp(host.seen) if host.enrolled else "2025-10-22T14:15:00Z",
        "detail_updated_at": stamp(host.details if host.enrolled else None),
        "label_updated_at": stamp(host.details if host.enrolled else None),
        "policy_updated_at": stamp(host.details if host.enrolled else None),
        "refetch_requested": host.refetch, "distributed_interval": 60, "config_tls_refresh": 60,
        "primary_ip": host.address, "public_ip": host.address, "team_id": 2,
    }  # fmt: skip
    if host.apple:
        told["last_mdm_checked_in_at"] = stamp(host.mdm_seen) if host.mdm_seen else None
        told["last_mdm_enrolled_at"] = stamp(host.enrolled) if host.mdm_seen else None
        told["mdm"] = {
            "enrollment_status": host.enrollment, "name": "Fleet", "server_url": host.server_url,
            "connected_to_fleet": host.connected,
        }  # fmt: skip
    return told


def _details(host: Host, told: dict[str, Any]) -> dict[str, Any]:
    profiles = [_profile(delivery) for delivery in host.deliveries]
    settings = {"disk_encryption": {"status": "verified" if host.mdm_seen else None, "detail": ""}}
    more = {
        "device_status": "unlocked",
        "pending_action": "",
        "os_settings": settings,
        "profiles": profiles,
    }
    return {**told, "mdm": {**told["mdm"], **more}}


def _profile(delivery: Delivery) -> dict[str, str]:
    return {
        "profile_uuid": ("d" if delivery.profile.declaration else "a") + delivery.profile.key,
        "name": delivery.profile.name, "status": delivery.status or "pending",
        "operation_type": delivery.operation, "detail": delivery.detail,
    }  # fmt: skip


def _commands(world: World, known: dict[str, str]) -> None:
    """Keep each command once for each status that it had."""
    found = []
    for command in reversed(world.commands):
        if known.get(command.key) != command.status:
            known[command.key] = command.status
            name = command.delivery.profile.name if command.delivery else ""
            found.append({
                "host_uuid": command.host.key, "command_uuid": command.key, "status": command.status,
                "updated_at": stamp(command.updated), "request_type": command.kind,
                "hostname": command.host.name, "name": name,
            })  # fmt: skip
    request = "/api/v1/fleet/commands?page=0&per_page=100&order_key=updated_at&order_direction=desc"
    _keep(world, "fleet_commands", request, {"results": found})


def _activities(world: World, state: dict[str, Any]) -> None:
    new = world.activities[state["activities"] :]
    state["activities"] = len(world.activities)
    if new:
        request = "/api/v1/fleet/activities?page=0&per_page=100&order_key=id&order_direction=desc"
        _keep(world, "fleet_activities", request, {"activities": new[::-1]})


def _locks(world: World) -> None:
    rows = [
        {
            "waiting_trx_id": str(88_000_000 + number), "waiting_thread": 9000 + number,
            "waiting_query": waiting, "blocking_trx_id": "88644305", "blocking_thread": 9067,
            "blocking_query": blocking,
        }
        for number, (since, until, waiting, blocking) in enumerate(world.waits)
        if since <= world.now < until
    ]  # fmt: skip
    _keep(world, "fleet_db_locks", "/debug/db/locks", rows)


def _errors(world: World, known: dict[str, int]) -> None:
    rows = [
        {"count": str(count), "chain": [
            {"message": cause},
            {"message": around, "data": {"timestamp": stamp(last)},
             "stack": ["github.com/fleetdm/fleet/v4/server/contexts/ctxerr.Handle (ctxerr.go:262)"]}]}
        for cause, (count, last, around) in world.errors.items()
        if known.get(cause) != count
    ]  # fmt: skip
    known.update({cause: count for cause, (count, _, _) in world.errors.items()})
    if rows:
        _keep(world, "fleet_errors", "/debug/errors?flush=false", rows)
