"""Runs a whole project as an admin would, torments it for some minutes, and counts every line afterwards.

Six sources pull from real servers that misbehave; `lastseen schedule` is stopped, killed and told of good and wrong
settings; `lastseen status` must know each time which source is in trouble. Prints tables; ends with 1 where
something was lost, repeated, wrong or silent. Seeded as far as the machine's clock lets it.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random

import soak_verdict
from soak_hosts import ENVIRONMENT, Bucket, Fleet, Ssh
from soak_scheduler import STRANGE, Scheduler
from soak_sides import Command, Files, Side, writing
from soak_torment import Soak
from soak_uploads import Inbox

from lastseen.errors import Exit

QUIET_S = 65.0
"""Seconds after which a log that is not written to has ended its last line."""


def finish(soak: Soak) -> None:
    """Let all go well again, pull everything twice, and stop the scheduler."""
    soak.configure()
    for outage in soak.outages:
        if not outage.ended:
            soak.mend(outage)
    for side in soak.sides:
        with side.lock:
            side.end()
    quiet = time.monotonic() + QUIET_S
    for side in soak.sides:
        _pull(soak, side)
    soak.scheduler.look()
    time.sleep(max(0.0, quiet - time.monotonic()))
    soak.scheduler.look()
    soak.scheduler.stop()
    for side in soak.sides:
        _pull(soak, side)
    for words in (["check"], ["report", "nightly"]):
        ran = soak.scheduler.run(*words)
        if ran.returncode or STRANGE.search(ran.stderr):
            soak.problems.append(f"{' '.join(words)} ended with {ran.returncode}: {ran.stderr}")
    _stands(soak)


def _pull(soak: Soak, side: Side) -> None:
    """Pull one source; where the scheduler is just at it, again."""
    for _ in range(60):
        ran = soak.scheduler.run("pull", side.name)
        if ran.returncode != Exit.LOCKED:
            break
        time.sleep(1)
    if ran.returncode:
        soak.problems.append(f"a last pull of {side.name}: {ran.returncode}: {ran.stderr}")


def _stands(soak: Soak) -> None:
    """Ask a last time how things stand: nothing late, nothing failed but what was killed, nothing in the spool."""
    status = json.loads(soak.scheduler.run("status", "--json").stdout)
    for job in status["jobs"]:
        if job["problem"] not in (None, soak_verdict.KILLED):
            soak.problems.append(f"{job['kind']} {job['name']} failed: {job['problem']}")
    if status["late"]:
        soak.problems.append(f"in the end these are not on time: {status['late']}")
    if status["spool"] != {"waiting": 0, "set_aside": 0, "of_no_source": {}}:
        soak.problems.append(f"the spool is not empty: {status['spool']}")
    left = [path for path in (soak.root / "spool").glob("*/*") if path.is_file()]
    if left:
        soak.problems.append(f"files are left in the spool: {left}")


def run(root: Path, minutes: float, seed: int) -> bool:
    """Do all of it in an empty folder; say whether all was well."""
    os.environ |= ENVIRONMENT | {"HOME": str(root / "home")}
    os.environ.pop("SSH_AUTH_SOCK", None)
    scheduler = Scheduler(root, dict(os.environ))
    made = scheduler.run("init", str(root))
    if made.returncode:
        print(made.stderr, file=sys.stderr)
        return False
    with ExitStack() as stack:
        sides = [
            Files(root, seed), Command(root, seed), Ssh(root, seed, stack),
            Fleet(root, seed, stack), Bucket(root, seed), Inbox(root, seed),
        ]  # fmt: skip
        for side in reversed(sides):
            stack.callback(side.close)
        stack.callback(scheduler.close)
        soak = Soak(root, sides, scheduler, Random(seed))
        soak.configure()
        over = threading.Event()
        writers = list(writing(sides, over))
        scheduler.start()
        try:
            soak.torment(time.monotonic() + 60 * minutes)
        finally:
            over.set()
            for writer in writers:
                writer.join()
        finish(soak)
    rows, last, wrong = soak_verdict.judged(root, sides, soak.outages, scheduler)
    problems = soak.problems + wrong
    _print(rows, last, soak.asked)
    for problem in problems:
        print(problem, file=sys.stderr)
    return not problems


def _print(rows: list[list[object]], last: list[object], asked: int) -> None:
    _table(
        ["source", "lines", "lost", "repeated", "broken lines", "rejects lost", "rejects repeated", "pulls",
         "failed", "slowest, s", "outages", "told after, s", "well after, s"],
        rows,
    )  # fmt: skip
    _table(
        ["done to the scheduler", "SIGTERM to exit, s", "status asked", "its MB", "its open files"],
        [[last[0], last[1], asked, *last[2:]]],
    )


def _table(head: list[str], rows: list[list[object]]) -> None:
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        cells = [f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row]
        print(f"| {' | '.join(cells)} |")
    print()


def main() -> None:
    """Torment, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder to work in, which is kept")
    options = parser.parse_args()
    root = options.keep or Path(tempfile.mkdtemp(prefix="lastseen-soak-"))
    root.mkdir(parents=True, exist_ok=True)
    try:
        good = run(root.resolve(), options.minutes, options.seed)
    finally:
        if options.keep is None:
            shutil.rmtree(root)
    sys.exit(not good)


if __name__ == "__main__":
    main()
