"""The Fleet server of `soak.py`, in a process of its own: does what lines of JSON on standard input tell it.

`{"mode": "well"}`, `"faulty"` (some requests fail, and would not if they were asked again), `"refuses"` (401) or
`"down"` (503); `{"number": 17}` adds an activity and a command. Each line is answered with one.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from fleet_server import Fleet, Reply, serving

HOSTS = 100
FAULTY = 0.05
"""Which part of requests fails while it is faulty."""


class Moody:
    """What is sent instead of an answer."""

    def __init__(self, seed: int) -> None:
        self.mode = "well"
        self._chance = Random(seed)
        self._last = ""

    def __call__(self, request: str) -> Reply | None:
        """Return it; None for the answer itself. What just failed does not fail again."""
        if self.mode == "refuses":
            return Reply(401, b'{"message": "Authentication required"}')
        if self.mode == "down":
            return Reply(503)
        if self.mode != "faulty" or request == self._last or self._chance.random() > FAULTY:
            return None
        self._last = request
        return self._chance.choice([
            Reply(429, headers={"Retry-After": "1"}),
            Reply(500),
            Reply(200, b'{"hosts": [', claimed=10_000),
            Reply(200, b" ", parts=40, slow_s=0.2),
        ])  # fmt: skip


def add(fleet: Fleet, number: int) -> None:
    """Let an administrator do something, and a host answer a command."""
    now = _now()
    fleet.activities.append(
        {"id": number, "created_at": now, "type": "created_macos_profile", "actor_full_name": "Admin",
         "actor_id": 1, "actor_email": "admin@example.com", "fleet_initiated": False,
         "details": {"profile_name": f"fleet {number} end"}}
    )  # fmt: skip
    host = number % HOSTS + 1
    fleet.commands.append(
        {"host_uuid": f"UUID-{host}", "command_uuid": f"fleet {number} end", "status": "Acknowledged",
         "updated_at": now, "request_type": "InstallProfile", "hostname": f"mac-{host:03}"}
    )  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def main() -> None:
    """Serve until standard input ends."""
    fleet = Fleet(instead=Moody(int(sys.argv[1])))
    fleet.add(*range(1, HOSTS + 1), seen_time=_now())
    with serving(fleet):
        print(fleet.url, flush=True)
        for line in sys.stdin:
            told = json.loads(line)
            if "mode" in told:
                fleet.instead.mode = told["mode"]  # type: ignore[attr-defined] # it is a Moody
            else:
                add(fleet, told["number"])
            print("done", flush=True)


if __name__ == "__main__":
    main()
