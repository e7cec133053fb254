"""Measures `check` with all rules, every host's diagnosis and `why` over 1, 3 and 10 million events; prints a table."""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import big_fleet

from ingest import LASTSEEN, timed

MILLION = 1_000_000
POLICY = '[policy]\nheartbeat = { period = "10 minutes", grace = "20 minutes" }\n'
"""In the smallest of the fleets a host is heard of every ten minutes."""
_EVERYONE = """
import sys
from datetime import datetime
from pathlib import Path
from lastseen import diagnose
from lastseen.workspace import Workspace
found = diagnose.everyone(Workspace.open(Path(sys.argv[1])), datetime.fromisoformat(sys.argv[2]))
assert len(found) == int(sys.argv[3]), len(found)
stuck = [one for one in found.values() if one.state == "pending"]
assert len(stuck) == int(sys.argv[4]), len(stuck)
assert {one.accused[0].cause for one in stuck} == {"push-certificate"}
"""


def lake(scratch: Path, events: int) -> Path:
    """Return a project whose lake holds about so many events."""
    logs, project = scratch / f"logs-{events}", scratch / f"project-{events}"
    if project.exists():
        return project
    big_fleet.write(logs, events)
    project.mkdir()
    (project / "lastseen.toml").write_text(POLICY, encoding="utf-8")
    for path in sorted(logs.glob("*.log")):
        timed([LASTSEEN, "-C", str(project), "add", "--format", path.stem, str(path)])
    own = str(logs / "unified_log" / "host={host}" / "*.csv")
    timed([LASTSEEN, "-C", str(project), "add", "--format", "unified_log", own])
    return project


def measure(project: Path, events: int, runs: int) -> None:
    """Print a row: seconds and megabytes of each whole process, the middle one of several."""
    stuck = f"mac-{big_fleet.SILENT + 3:04d}"
    commands = {
        "check": [LASTSEEN, "-C", str(project), "check", "--dry-run", "--now", big_fleet.NOW],
        "everyone": [
            sys.executable, "-c", _EVERYONE, str(project), big_fleet.NOW, str(big_fleet.HOSTS),
            str(big_fleet.STUCK),
        ],
        "why": [LASTSEEN, "-C", str(project), "why", stuck, "--at", big_fleet.NOW],
    }  # fmt: skip
    cells = []
    for command in commands.values():
        found = [timed(command) for _ in range(runs)]
        cells.append(
            f"{statistics.median(one.wall_s for one in found):.2f} s, {max(one.peak_mb for one in found):.0f} MB"
        )
    print(f"| {events / MILLION:g} million | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Measure lakes of growing size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, nargs="*", default=[1, 3, 10])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="keep what is written here, for another time")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lastseen-bench-") as folder:
        scratch = chosen.scratch or Path(folder)
        print("| events, 2,000 hosts | check, all rules | every host's diagnosis | why, one host |")
        print("|---|---|---|---|")
        for millions in chosen.millions:
            project = lake(scratch, millions * MILLION)
            measure(project, millions * MILLION, chosen.runs)


if __name__ == "__main__":
    main()
