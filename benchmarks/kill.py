"""Kills `lastseen pull` again and again while logs grow and rotate, and counts every line afterwards.

Prints a table; ends with 1 where a line was lost or repeated or not covered, or a table could not be opened.
Seeded: what is written, and when the kills come, is the same each time, as far as the machine's clock lets it.
"""

import argparse
import gzip
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import duckdb
from deltalake import DeltaTable

from lastseen.errors import UserError
from lastseen.lake import Lake

FORMAT = r"""-- title:  Numbered lines
-- files:  *.log
-- sniff:  ^\d{4}-\d\d-\d\dT
-- covers: host
--
-- A time and words; the message is the whole line.
--
select
    case
        when regexp_matches(text, '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \w+ \d+ end$')
        then try_cast(split_part(text, ' ', 1) as timestamptz)
    end as ts,
    'mac-1' as host,
    'mac-1' as emitter,
    'info' as level,
    'numbered' as process,
    text as message,
    file,
    line
from records
"""
CONFIG = """
[sources.logs]
kind = "files"
paths = ["logs/*.log"]
format = "numbered"
retries = 0
"""
ROTATIONS = 9
"""How often each log is rotated; no rotated file is deleted, so every line can still be found."""
CHANGED = (
    "lake",
    "lake/rejects",
    "lake/rejects/_delta_log",
    "lake/numbered",
    "lake/numbered/day=2026-03-10",
    "lake/numbered/_delta_log",
    "lake/coverage/_delta_log",
    "lastseen.sqlite-wal",
)
"""What a pull changes while it runs, below the project; half of the kills come just after one of these did."""
_PAUSE = 0.02
"""Seconds between two things that are written, at most."""


@dataclass
class Log:
    """A log that its writer appends to, and rotates; knows every line that it was given."""

    path: Path
    chance: Random
    lines: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    rotated: int = 0
    half: str = ""
    """What is still to come of a line that was begun."""

    def __post_init__(self) -> None:
        self.file = self.path.open("ab", buffering=0)

    def _line(self) -> str:
        number = len(self.lines) + len(self.broken)
        if self.chance.random() < 0.02:  # noqa: PLR2004 - a few
            self.broken.append(f"{self.path.stem} {number} has no time")
            return self.broken[-1] + "\n"
        at = f"2026-03-10T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
        self.lines.append(f"{at} {self.path.stem} {number} end")
        return self.lines[-1] + "\n"

    def grow(self) -> None:
        """Finish what was begun, append some lines, and perhaps begin another."""
        text = self.half + "".join(self._line() for _ in range(self.chance.randint(1, 20)))
        self.half = ""
        if self.chance.random() < 0.3:  # noqa: PLR2004 - often
            line = self._line()
            cut = self.chance.randint(1, len(line) - 1)
            text, self.half = text + line[:cut], line[cut:]
        self.file.write(text.encode())

    def rotate(self) -> None:
        """Rotate it in one of the ways there are."""
        self.rotated += 1
        if self.chance.random() < 0.4:  # noqa: PLR2004 - a little less than half
            self._copy_and_truncate()
        else:
            self._rename()

    def _rename(self) -> None:
        """Move it away, go on writing to it for a moment, begin a new one."""
        old = self._shift()
        self.path.rename(old)
        for _ in range(self.chance.randint(0, 3)):
            time.sleep(self.chance.random() * _PAUSE)
            self.grow()
        self.file.write(self.half.encode())
        self.half = ""
        self.file.close()
        self.file = self.path.open("ab", buffering=0)

    def _copy_and_truncate(self) -> None:
        """Copy it and cut it off; between the two nothing is written, so that no line can be lost by it."""
        self.file.write(self.half.encode())
        self.half = ""
        shutil.copy2(self.path, self._shift())
        time.sleep(self.chance.random() * _PAUSE)
        os.truncate(self.path, 0)

    def _shift(self) -> Path:
        """Count the rotated files up, pack some of them, and return the name that is free then."""
        if self.path.stem.startswith("dated"):
            return self.path.with_name(f"{self.path.name}-202603{self.rotated:02}")
        for number in range(self.rotated, 0, -1):
            for end in ("", ".gz"):
                old = self.path.with_name(f"{self.path.name}.{number}{end}")
                if old.exists():
                    self._up(old, number, end)
        return self.path.with_name(f"{self.path.name}.1")

    def _up(self, old: Path, number: int, end: str) -> None:
        new = self.path.with_name(f"{self.path.name}.{number + 1}{end}")
        old.rename(new)
        if not end and self.chance.random() < 0.5:  # noqa: PLR2004 - half of them
            packed = new.with_name(f"{new.name}.gz")
            with new.open("rb") as plain, gzip.open(packed, "wb") as out:
                shutil.copyfileobj(plain, out)
            new.unlink()


class Writer(threading.Thread):
    """Writes to several logs at random until it is told to end."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(name="writer")
        self.chance = Random(seed)
        names = ("one.log", "two.log", "dated.log")
        self.logs = [Log(folder / name, Random(f"{seed} {name}")) for name in names]
        self.progress = 0.0
        """How much of the kills is done; rotations are spread over them."""
        self._over = threading.Event()

    def run(self) -> None:
        """Write."""
        while not self._over.is_set():
            log = self.chance.choice(self.logs)
            log.grow()
            if log.rotated < self.progress * ROTATIONS:
                log.rotate()
            time.sleep(self.chance.random() * _PAUSE)

    def end(self) -> None:
        """Finish every line that was begun, and stop."""
        self._over.set()
        self.join()
        for log in self.logs:
            log.file.write(log.half.encode())
            log.file.close()


@dataclass
class Verdict:
    """What was found."""

    kills: int = 0
    """Pulls that were killed before their end."""
    ended: int = 0
    """Pulls that came to their end before they could be killed."""
    commits: int = 0
    """Versions of the table of lines in the end."""
    files: int = 0
    """Logs and rotated logs in the end."""
    lines: int = 0
    lost: int = 0
    repeated: int = 0
    broken: int = 0
    rejects_lost: int = 0
    rejects_repeated: int = 0
    covered: int = 0
    """Lines that the coverage says were read."""
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything is there once."""
        wrong = self.lost, self.repeated, self.rejects_lost, self.rejects_repeated
        covered = self.covered == self.lines + self.broken
        return covered and not any(wrong) and not self.problems


def command(root: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "lastseen", "-C", str(root), *words]


def torment(root: Path, kills: int, seed: int) -> Verdict:
    """Kill pulls in a new project in a folder, let the last one end, and count.

    Args:
        root: The folder, which is empty.
        kills: How many pulls are killed; those that end before do not count, up to twice as many in all.
        seed: Decides what is written, and the moments of the kills.
    """
    (root / "ingest").mkdir()
    (root / "logs").mkdir()
    (root / "ingest" / "numbered.sql").write_text(FORMAT, encoding="utf-8")
    (root / "lastseen.toml").write_text(CONFIG, encoding="utf-8")
    verdict, chance, writer = Verdict(), Random(seed), Writer(root / "logs", seed)
    writer.start()
    try:
        took = [2.0]
        while verdict.kills < kills and verdict.kills + verdict.ended < 2 * kills:
            writer.progress = verdict.kills / kills
            _one(root, chance, took, verdict)
            verdict.problems += unreadable(Lake(root / "lake"))
    finally:
        writer.end()
    later = datetime.now(UTC) + timedelta(minutes=5)
    last = subprocess.run(
        command(root, "pull", "logs", "--now", later.isoformat()), capture_output=True, check=False
    )
    if last.returncode:
        verdict.problems.append(f"the last pull: {last.stderr.decode()}")
    verdict.files = len(list((root / "logs").iterdir()))
    verdict.commits = DeltaTable(root / "lake" / "numbered").version()
    _count(root, writer, verdict)
    return verdict


def _one(root: Path, chance: Random, took: list[float], verdict: Verdict) -> None:
    """Start a pull and kill it: after some seconds, or just after it changed something."""
    watched = root / chance.choice([*CHANGED, *[""] * len(CHANGED)])
    after = 0.03 * chance.random() if watched != root else 1.1 * took[-1] * chance.random()
    before, start = _changed(watched), time.monotonic()
    with subprocess.Popen(
        command(root, "pull", "logs"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as pull:
        while watched != root and pull.poll() is None and _changed(watched) == before:
            time.sleep(0.001)
        try:
            _, said = pull.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            pull.send_signal(signal.SIGKILL)
            pull.communicate()
            verdict.kills += 1
            return
    took.append(time.monotonic() - start)
    verdict.ended += 1
    if pull.returncode:
        verdict.problems.append(f"a pull ended with {pull.returncode}: {said.decode()}")


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def unreadable(lake: Lake) -> list[str]:
    """Say which tables do not open, for lastseen or for another reader of Delta."""
    problems = []
    for name in lake.tables():
        try:
            files = lake.files(name)
            if len(DeltaTable(lake.path / name).file_uris()) != len(files):
                problems.append(f"{name}: two readers see different files")
        except (UserError, OSError, ValueError) as error:
            problems.append(f"{name}: {error}")
    return problems


def _count(root: Path, writer: Writer, verdict: Verdict) -> None:
    lines = Counter(line for log in writer.logs for line in log.lines)
    broken = Counter(line for log in writer.logs for line in log.broken)
    verdict.lines, verdict.broken = lines.total(), broken.total()
    verdict.lost, verdict.repeated = _differences(lines, _texts(root, "numbered", "message"))
    verdict.rejects_lost, verdict.rejects_repeated = _differences(
        broken, _texts(root, "rejects", "text")
    )
    verdict.covered = _texts(root, "coverage", "unnest(range(rows + rejects))").total()


def _texts(root: Path, table: str, column: str) -> Counter[str]:
    """Return a column of a table, read by a DuckDB that knows nothing of lastseen."""
    files = Lake(root / "lake").files(table)
    if not files:
        return Counter()
    with duckdb.connect() as con:
        query = f"select {column} from read_parquet({files!r}, union_by_name = true)"
        return Counter(text for (text,) in con.execute(query).fetchall())


def _differences(wanted: Counter[str], found: Counter[str]) -> tuple[int, int]:
    """Return how many are missing, and how many there are too many."""
    return (wanted - found).total(), (found - wanted).total()


def main() -> None:
    """Kill, count, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="a folder to work in, which is kept")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir()
        verdict = torment(options.keep.resolve(), options.kills, options.seed)
    else:
        with tempfile.TemporaryDirectory(prefix="lastseen-kill-") as name:
            verdict = torment(Path(name).resolve(), options.kills, options.seed)
    print(
        "| killed | ended before | commits | log files | lines | lost | repeated "
        "| broken lines | lost | repeated | covered |\n"
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        f"| {verdict.kills} | {verdict.ended} | {verdict.commits} | {verdict.files} "
        f"| {verdict.lines:,} | {verdict.lost} | {verdict.repeated} "
        f"| {verdict.broken} | {verdict.rejects_lost} | {verdict.rejects_repeated} "
        f"| {verdict.covered:,} |"
    )
    for problem in verdict.problems:
        print(problem, file=sys.stderr)
    sys.exit(not verdict.good)


if __name__ == "__main__":
    main()
