"""What is lost on the way: logs that nobody collects, and holes in others."""

from lab.journal import Losses
from lab.world import HOUR, MINUTE, NOW, WINDOW, World

_SNAPSHOTS = ("fleet_hosts", "fleet_profiles", "fleet_commands", "fleet_apns", "fleet_activities")
_OPTIONAL = (
    "fleet_server", "fleet_db_locks", "fleet_errors", "nginx_access", "nginx_error", "mysql_error",
    "osquery_status", "osquery_results",
)  # fmt: skip


def drawn(world: World, struck: set[str]) -> Losses:
    """Choose what is lost; of the hosts that are struck, more is kept than of others."""
    dice = world.dice
    losses = Losses()
    for logs, missing, hole in ((_SNAPSHOTS, 0.02, 0.06), (_OPTIONAL, 0.08, 0.08)):
        for log in logs:
            if dice.random() < missing:
                losses.missing.add(log)
            elif dice.random() < hole:
                since = dice.uniform(WINDOW, NOW - HOUR)
                losses.holes[log] = [(since, since + dice.uniform(20, 120) * MINUTE)]
    for host in world.hosts:
        for log, missing in (("orbit", 0.2), ("unified_log", 0.3)):
            if dice.random() < (0.1 if host.name in struck else missing):
                losses.missing.add(f"hosts/{host.name}/{log}")
    return losses


def told(losses: Losses) -> dict[str, object]:
    """Return what was lost, for the truth."""
    return {
        "missing": sorted(losses.missing),
        "holes": {log: sorted(spans) for log, spans in sorted(losses.holes.items())},
    }
