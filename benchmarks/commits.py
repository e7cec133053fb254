"""Measures what a commit takes as a table is written ever more often; prints a table. Run by `make bench`."""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from lastseen import formats
from lastseen.gather import gather
from lastseen.ingest import Ingest
from lastseen.lake import Lake
from lastseen.logfile import Ends, LogFile
from lastseen.project import Project

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SCHEMA = pa.schema([
    ("ts", pa.timestamp("us", "UTC")), ("host", pa.string()), ("line", pa.int64()), ("day", pa.date32()),
])  # fmt: skip
GOOD = 9
"""Lines of ten that are rows."""
EARLY, LATE = slice(4, 15), slice(489, 510)
"""Commits 5 to 15 are compared with 490 to 510."""


def batch(number: int) -> pa.RecordBatch:
    """Ten rows of one day."""
    rows = [
        {"ts": NOW + timedelta(seconds=number), "host": "mac-1", "line": line, "day": NOW.date()}
        for line in range(10)
    ]
    return pa.RecordBatch.from_pylist(rows, SCHEMA)


def commit(lake: Lake, rows: pa.RecordBatch, marks: dict[str, int]) -> None:
    """One commit as ingest makes it, with what it tidies up after some of them."""
    with lake.writer("table", SCHEMA) as writer:
        writer.write(rows)
        writer.commit(marks)
    if writer.at_checkpoint:
        gather(lake, "table")


def marks(number: int) -> dict[str, int]:
    """The three bookmarks of a file, as long as real ones."""
    return {f"file.65536.{number:032x}.0.{key}": number for key in ("bytes", "lines", "tail")}


def milliseconds(work: Callable[[], None]) -> float:
    """How long something takes."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def measure_table(folder: Path, times: int) -> list[float]:
    """Write one table again and again, a new file's bookmarks each time."""
    lake = Lake(folder)
    return [
        milliseconds(lambda n=n: commit(lake, batch(n), marks(n)))  # type: ignore[misc]
        for n in range(times)
    ]


def measure_marks(folder: Path, files: int, times: int) -> list[float]:
    """Write a table that knows many files."""
    lake = Lake(folder)
    commit(lake, batch(0), {key: n for n in range(files) for key in marks(n + 1_000_000)})
    return [
        milliseconds(lambda n=n: commit(lake, batch(n), marks(n)))  # type: ignore[misc]
        for n in range(times)
    ]


def measure_cycle(folder: Path, times: int) -> list[float]:
    """Read on in a growing file, ten new lines each time: rejects, rows and coverage."""
    project, log = Project(folder), folder / "access.log"
    lake = Lake(folder / "lake")
    line = '192.0.2.{} - - [10/Mar/2026:06:{:02}:{:02} +0000] "GET / HTTP/1.1" 200 10 "-" "curl"\n'
    with formats.prepare(project) as con:
        ingest = Ingest(con, formats.load(project)["nginx_access"], lake, NOW)
        file = LogFile(log, log.name, ends=Ends.LINES)

        def pull(number: int) -> None:
            results = list(ingest.add([file], None, lambda _: None))
            if (results[0].rows, results[0].rejects) != (GOOD, 1):
                sys.exit(f"pull {number}: {results[0]}")

        taken = []
        for number in range(times):
            with log.open("a", encoding="utf-8") as out:
                out.write(
                    "".join(line.format(n, number // 60 % 60, number % 60) for n in range(GOOD))
                )
                out.write("a line that is none\n")
            taken.append(milliseconds(lambda n=number: pull(n)))  # type: ignore[misc]
    return taken


def row(what: str, taken: list[float]) -> None:
    """Print how late commits compare with early ones."""
    early, late = statistics.median(taken[EARLY]), statistics.median(taken[LATE])
    print(
        f"| {what} | {early:.1f} ms | {late:.1f} ms | {late / early:.2f} "
        f"| {statistics.mean(taken[LATE]) / statistics.mean(taken[EARLY]):.2f} | {max(taken):.0f} ms |"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--files", type=int, default=33_000, help="known to the table of the last line"
    )
    options = parser.parse_args()
    print(
        "| what | commits 5 to 15 | 490 to 510 | ratio of medians | ratio of means | longest |\n"
        "|---|--:|--:|--:|--:|--:|"
    )
    with tempfile.TemporaryDirectory(prefix="lastseen-commits-") as name:
        folder = Path(name)
        row("one table", measure_table(folder / "one", 510))
        (folder / "project").mkdir()
        row("a growing log: rejects, rows, coverage", measure_cycle(folder / "project", 510))
        few = statistics.median(measure_marks(folder / "few", 10, 30))
        many = measure_marks(folder / "many", options.files, 30)
        print(
            f"\nA table with the bookmarks of {options.files:,} files: {statistics.median(many):.0f} ms, "
            f"{statistics.median(many) / few:.1f} times as long as with those of 10; longest {max(many):.0f} ms"
        )


if __name__ == "__main__":
    main()
