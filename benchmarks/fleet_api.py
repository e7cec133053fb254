"""Measures a pull from Fleet's API against a bare loop of the same requests; prints a table.

The server is the one of the tests, in a process of its own, and takes 20 ms for each answer. Each puller is a
process too, so that its peak memory is its own.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
SERVER = HERE.parent / "tests" / "fleet_server.py"
DELAY_S = 0.02
TOKEN = "very-secret-token-of-an-API-only-user"  # noqa: S105 - the server's of the tests


@dataclass(frozen=True)
class Run:
    """What one pulling process took."""

    requests: int
    wall_s: float
    cpu_s: float
    peak_mb: float


def measured(kind: str, hosts: int, at_once: int = 1) -> Run:
    """Start a server with so many hosts and a process that pulls from it."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(hosts), str(DELAY_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None  # noqa: S101 - it was asked for
        url = server.stdout.readline().strip()
        command = [sys.executable, str(Path(__file__)), kind, url, str(hosts), str(at_once)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        requests, _ = server.communicate()
    return Run(int(requests), **json.loads(out.splitlines()[-1]))


def bare(url: str, hosts: int, _: int) -> None:
    """Ask for the same, keep nothing: what an answer costs by itself."""
    import httpx  # noqa: PLC0415 - this process alone needs it

    with httpx.Client(headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        for page in range(hosts // 100 + 1):
            client.get(f"{url}/api/v1/fleet/hosts?page={page}&per_page=100&order_key=id").json()
        for status in ("pending", "verifying", "failed"):
            client.get(
                f"{url}/api/v1/fleet/hosts?page=0&per_page=100&order_key=id&os_settings={status}"
            ).json()
        for one in ("commands", "activities"):
            client.get(f"{url}/api/v1/fleet/{one}?page=0&per_page=100&order_key=id").json()
        client.get(f"{url}/api/v1/fleet/apns").json()
        for host in range(1, hosts + 1):
            client.get(f"{url}/api/v1/fleet/hosts/{host}?exclude_software=true").json()


def ours(url: str, _: int, at_once: int) -> None:
    """Pull, into a spool that is thrown away."""
    from lastseen.pull.fleet import pull  # noqa: PLC0415 - what the bare loop does not pay for
    from lastseen.pull.source import Errand  # noqa: PLC0415
    from lastseen.pull.spool import Spool  # noqa: PLC0415
    from lastseen.sources import Fleet  # noqa: PLC0415
    from lastseen.state import State  # noqa: PLC0415

    os.environ["FLEET_TOKEN"] = TOKEN
    source = Fleet(
        name="fleet", url=url, token_env="FLEET_TOKEN", at_once=at_once, every=timedelta(hours=1)  # noqa: S106 - a name
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, State(Path(folder) / "state.sqlite") as state:
        spool = Spool(state, Path(folder) / "spool", "fleet")
        outcome = pull(source, spool, Errand(datetime.now(UTC), time.monotonic() + 1800))
        if outcome.problems or outcome.notes:
            sys.exit(str(outcome))


def child(kind: str, url: str, hosts: int, at_once: int) -> None:
    """Do one of the two, and print what it took."""
    start = time.perf_counter()
    {"bare": bare, "ours": ours}[kind](url, hosts, at_once)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    kilo = 1024 if sys.platform != "darwin" else 1024 * 1024
    took = {
        "wall_s": time.perf_counter() - start,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / kilo,
    }
    print(json.dumps(took))


def main() -> None:
    """Print the table."""
    runs = {
        "200 hosts": measured("ours", 200),
        "2,000 hosts": measured("ours", 2000),
        "2,000 hosts, bare httpx": measured("bare", 2000),
        "2,000 hosts, 4 at once": measured("ours", 2000, 4),
    }
    print(f"{'':26}{'requests':>10}{'wall s':>9}{'cpu s':>8}{'peak MB':>9}")
    for name, run in runs.items():
        print(f"{name:26}{run.requests:>10}{run.wall_s:>9.1f}{run.cpu_s:>8.1f}{run.peak_mb:>9.1f}")
    pulled, loop = runs["2,000 hosts"], runs["2,000 hosts, bare httpx"]
    print(f"\nwall, ours / bare: {pulled.wall_s / loop.wall_s:.2f}")
    print(f"peak, 2,000 / 200 hosts: {pulled.peak_mb / runs['200 hosts'].peak_mb:.2f}")


if __name__ == "__main__":
    if sys.argv[1:]:
        child(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
