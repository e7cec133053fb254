"""Tells the truth of a case: who is stuck and why, what shows it, who is well, and of whom nobody can know."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from lab.central import moment
from lab.journal import Losses
from lab.losses import told as told_losses
from lab.scene import Scene
from lab.world import HISTORY, HOUR, MINUTE, NOW, Host, World
from lastseen.causes import CAUSES

_SILENT = 10 * MINUTE
_PENDING = 15 * MINUTE
_VERIFYING = 126 * MINUTE
_DECLARED = 60 * MINUTE
_STALE = 2 * HOUR
_STATES = {"failed": 0.0, None: _PENDING, "pending": _PENDING, "verifying": _VERIFYING}
_RECENT = 30 * MINUTE
"""A snapshot older than this says nothing of now."""

Proofs = dict[tuple[str, str | None], set[str]]


def tell(world: World, name: str, scenes: list[Scene], losses: Losses) -> dict[str, Any]:
    """Return the truth, as ``truth.json`` holds it."""
    proofs = _proofs(world, scenes, losses)
    hosts = {host.name: _of_host(world, host, scenes, losses, proofs) for host in world.hosts}
    return {
        "case": name,
        "now": _stamp(NOW),
        "causes": [
            {
                "cause": one.cause, "since": _stamp(one.at), "scope": "server" if one.everywhere else "host",
                "hosts": sorted(host.name for host in one.hosts),
            }
            for one in scenes
        ],
        "hosts": hosts,
        "healthy": sorted(name for name, host in hosts.items() if host["role"] == "healthy"),
        "nobody_can_know": sorted(name for name, host in hosts.items() if host["role"] == "unknown"),
        "lost": told_losses(losses),
    }  # fmt: skip


def _stamp(at: float) -> str:
    return f"{moment(at):%Y-%m-%dT%H:%M:%SZ}"


def state(host: Host) -> tuple[str, float]:
    """Say how a host stands when the case is judged, and since when; ``ok`` is all that is normal."""
    if host.enrollment == "Pending":
        return "enrollment-pending", HISTORY
    if host.apple and (host.enrollment == "Off" or not host.connected):
        return "mdm-off", HISTORY
    if host.agent and NOW - host.seen > _SILENT:
        return "silent", host.seen
    for delivery in sorted(host.deliveries, key=lambda one: one.since):
        normal = _STATES.get(delivery.status, NOW)
        if delivery.status == "verifying" and delivery.profile.declaration:
            normal = _DECLARED
        if NOW - delivery.since > normal:
            return delivery.status or "pending", delivery.since
    if host.agent and NOW - host.details > _STALE:
        return "stale", host.details
    return "ok", NOW


def _of_host(
    world: World, host: Host, scenes: list[Scene], losses: Losses, proofs: Proofs
) -> dict[str, Any]:
    stands, since = state(host)
    true = [one for one in scenes if one.true_of(host)]
    mine = [one for one in true if _brings(one.cause, stands)] or true
    evidence = {
        one.cause: sorted(_evidence(one, host, since, losses, proofs, world)) for one in mine
    }
    known = _knowable(host, stands, losses, world)
    told = {
        "state": stands,
        "since": _stamp(since),
        "causes": [one.cause for one in mine],
        "evidence": evidence,
        "knowable": known,
        "observable": {
            cause: cause == "collection-gap" or (bool(files) and known)
            for cause, files in evidence.items()
        },
        "allowed": sorted(
            world.benign[host.name]
            | {one.cause for one in scenes if one.everywhere}
            | {one.cause for one in true}
        ),
    }
    return {**told, "role": _role(world, host, told, mine)}


def _brings(cause: str, stands: str) -> bool:
    """Say whether a cause can bring a state about: of two troubles, the one that silences a host hides the other."""
    return stands != "silent" or stands in CAUSES[cause].explains


def _role(world: World, host: Host, told: Mapping[str, Any], mine: list[Scene]) -> str:
    """Say as what a host counts.

    ``stuck`` and ``healthy`` speak for themselves; ``unknown``: nobody can know; ``away``: it sleeps or is off,
    and that is all; ``mixed``: it is struck and away as well, or
    its own log alone tells that it lives; ``early``: struck, but not yet the worse for it.
    """
    if any(one.cause == "collection-gap" for one in mine):
        return "stuck" if host.awake else "mixed"
    well = told["state"] == "ok"
    if not told["knowable"] and (well or not mine):
        return "unknown" if host.apple else "mixed"
    if not mine:
        return "healthy" if well else "away"
    if well:
        return "early"
    return "mixed" if not host.awake and world.benign[host.name] else "stuck"


def _proofs(world: World, scenes: list[Scene], losses: Losses) -> Proofs:
    found: Proofs = defaultdict(set)
    began = {one.cause: one.at for one in scenes}
    for cause, log, host, at in world.journal.proofs(losses):
        if at >= began.get(cause, NOW) - _RECENT:
            found[cause, host].add(log)
    return found


def _evidence(
    one: Scene, host: Host, since: float, losses: Losses, proofs: Proofs, world: World
) -> set[str]:
    """Return the collected logs that show a cause for a host."""
    found = set(proofs[one.cause, host.name] | proofs[one.cause, None])
    if one.everywhere:
        said = [logs for (cause, _), logs in proofs.items() if cause == one.cause]
        found |= {log for logs in said for log in logs if not log.startswith("hosts/")}
    if one.cause == "verification-stalled" and host.details < since + HOUR:
        return found  # no details came after Fleet's grace, so that no snapshot tells why
    for log in one.shows:
        there = log != "nginx_access" or world.habits.proxy
        if there and _kept(log, max(since, one.at + _SILENT), losses):
            found.add(log)
    return found


def _kept(log: str, since: float, losses: Losses) -> bool:
    """Say whether anything that came to a log since a moment was collected."""
    at = NOW - MINUTE
    while at >= since:
        if not losses.lost(log, at):
            return True
        at -= 5 * MINUTE
    return False


def _knowable(host: Host, stands: str, losses: Losses, world: World) -> bool:
    """Say whether what was collected tells a host's state at all."""
    recent = {
        log: _kept(log, NOW - _RECENT, losses)
        for log in ("fleet_hosts", "fleet_profiles", "nginx_access")
    }
    if not host.apple or stands in {"silent", "stale", "enrollment-pending", "mdm-off"}:
        seen = recent["nginx_access"] and world.habits.proxy and stands != "stale"
        return recent["fleet_hosts"] or seen
    return recent["fleet_profiles"] and recent["fleet_hosts"]
