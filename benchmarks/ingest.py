"""Measures `lastseen add` against bare DuckDB and a Python loop; prints a table. Run by `make bench`."""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import generate

HERE = Path(__file__).parent
LASTSEEN = str(Path(sys.executable).with_name("lastseen"))
MB = 1_000_000
_ROWS = 50_000
"""Rows that the Python loop writes at a time."""


@dataclass(frozen=True)
class Run:
    """What one whole process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def timed(command: list[str]) -> Run:
    """Run a command to its end and account for it as the kernel does."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and process.stderr:
            sys.exit(f"{' '.join(command)}: {process.stderr.read().decode()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, _megabytes(usage))


def _megabytes(usage: resource.struct_rusage) -> float:
    """Linux counts kilobytes, macOS bytes."""
    return usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


@dataclass(frozen=True)
class Job:
    """One kind of log, and how fast others read it."""

    name: str
    file: Path
    format: str
    duckdb: str
    """The select of the bare DuckDB job."""


def measure(job: Job, scratch: Path, runs: int) -> None:
    """Print a row: ours against bare DuckDB in turn, and the lake's size."""
    ours, bare = [], []
    project = scratch / f"project-{job.name}"
    for number in range(runs + 1):
        shutil.rmtree(project, ignore_errors=True)
        project.mkdir()
        one = timed([LASTSEEN, "-C", str(project), "add", "--format", job.format, str(job.file)])
        other = timed(
            [
                sys.executable,
                str(HERE / "ingest.py"),
                "--bare",
                job.duckdb,
                str(scratch / "bare.parquet"),
            ]
        )
        if number:  # the first warms the page cache
            ours.append(one)
            bare.append(other)
    size = job.file.stat().st_size
    lake = sum(
        f.stat().st_size for f in (project / "lake").rglob("*.parquet") if job.format in f.parts
    )
    pairs = list(zip(ours, bare, strict=True))
    print(
        f"| {job.name} | {size / MB:.0f} MB "
        f"| {statistics.median(one.wall_s for one in ours):.2f} s "
        f"| {statistics.median(one.wall_s for one in bare):.2f} s "
        f"| {statistics.median(one.wall_s / other.wall_s for one, other in pairs):.2f} "
        f"| {statistics.median(one.cpu_s / other.cpu_s for one, other in pairs):.2f} "
        f"| {max(one.peak_mb for one in ours):.0f} MB | {100 * lake / size:.1f} % |"
    )


def loop(job: Job, scratch: Path) -> None:
    """Print how much faster than a Python loop over the same lines."""
    project = scratch / "project-loop"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    slow = timed(
        [
            sys.executable,
            str(HERE / "ingest.py"),
            "--loop",
            str(job.file),
            str(scratch / "loop.parquet"),
        ]
    )
    fast = timed([LASTSEEN, "-C", str(project), "add", "--format", job.format, str(job.file)])
    print(
        f"\n{job.name}: a loop with orjson and pyarrow takes {slow.wall_s:.1f} s, "
        f"{slow.wall_s / fast.wall_s:.1f} times as long"
    )


def rules(job: Job, scratch: Path, now: str) -> None:
    """Print what all shipped rules take on the job's lake and an inventory of its hosts."""
    project, empty = str(scratch / f"project-{job.name}"), scratch / "project-empty"
    empty.mkdir(exist_ok=True)
    hosts = scratch / "fleet_hosts.ndjson"
    hosts.write_text("".join(generate.inventory()), encoding="utf-8")
    timed([LASTSEEN, "-C", project, "add", "--format", "fleet_hosts", str(hosts)])
    check, start = (
        min((timed([LASTSEEN, *words]) for _ in range(4)), key=lambda run: run.wall_s)
        for words in (["-C", project, "check", "--now", now], ["-C", str(empty), "check"])
    )
    print(
        f"{job.name:24} all shipped rules: {check.wall_s:5.2f} s, "
        f"of which {start.wall_s:.2f} s are what they take on an empty lake"
    )


def run_bare(select: str, target: str) -> None:
    """Be the baseline: what anyone would write with DuckDB alone."""
    import duckdb  # noqa: PLC0415 - its import is part of what is measured

    con = duckdb.connect()
    con.execute("set timezone = 'UTC'")
    con.execute(f"copy ({select}) to '{target}' (format parquet, compression zstd)")


def run_loop(source: str, target: str) -> None:
    """Be the other baseline: a line at a time, 50,000 rows a batch."""
    import orjson  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([(name, pa.string()) for name in UNIFIED])
    with (
        pq.ParquetWriter(target, schema, compression="zstd") as out,
        Path(source).open("rb") as lines,
    ):
        rows: list[dict[str, str]] = []
        for line in lines:
            record = orjson.loads(line)
            datetime.strptime(record["timestamp"], "%Y-%m-%d %H:%M:%S.%f%z")
            rows.append({name: str(record.get(name)) for name in UNIFIED})
            if len(rows) == _ROWS:
                out.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        out.write_table(pa.Table.from_pylist(rows, schema))


UNIFIED = {
    "timestamp": "varchar", "messageType": "varchar", "processImagePath": "varchar", "eventMessage": "varchar",
    "processID": "bigint", "threadID": "bigint", "eventType": "varchar", "subsystem": "varchar",
    "category": "varchar", "senderImagePath": "varchar", "activityIdentifier": "bigint",
    "parentActivityIdentifier": "bigint", "userID": "bigint", "bootUUID": "varchar", "machTimestamp": "bigint",
    "traceID": "decimal(20,0)", "formatString": "varchar",
}  # fmt: skip
FLEET = {
    "ts": "varchar", "level": "varchar", "component": "varchar", "method": "varchar", "uri": "varchar",
    "took": "varchar", "ip_addr": "varchar", "x_for_ip_addr": "varchar", "host_id": "bigint", "err": "varchar",
    "msg": "varchar", "user": "varchar",
}  # fmt: skip


def json_job(name: str, file: Path, form: str, columns: dict[str, str], time_key: str) -> Job:
    """Describe a log of JSON lines."""
    kinds = "{" + ", ".join(f"'{key}': '{kind}'" for key, kind in columns.items()) + "}"
    select = (
        f"select cast({time_key} as timestamptz) as at, * exclude {time_key} from read_json('{file}', "
        f"format = 'newline_delimited', columns = {kinds})"
    )
    return Job(name, file, form, select)


def nginx_job(file: Path) -> Job:
    """Describe nginx's log; the baseline is DuckDB's CSV reader, split at the blanks."""
    select = (
        "select strptime(t[2:] || ' ' || z[:-2], '%d/%b/%Y:%H:%M:%S %z') as at, "
        f"host, request, status, bytes, referer, agent from read_csv('{file}', "
        "delim = ' ', quote = '\"', header = false, columns = {'host': 'varchar', 'i': 'varchar', "
        "'u': 'varchar', 't': 'varchar', 'z': 'varchar', "
        "'request': 'varchar', 'status': 'bigint', 'bytes': 'bigint', "
        "'referer': 'varchar', 'agent': 'varchar'})"
    )
    return Job("nginx access", file, "nginx_access", select)


def jobs(scratch: Path, size: int) -> list[Job]:
    """Generate the input; return what is to be measured."""
    made = [
        ("unified.ndjson", size, generate.unified),
        ("fleet.ndjson", size, generate.fleet),
        ("access.log", size // 2, generate.nginx),
    ]
    for name, wanted, lines in made:
        generate.write(scratch / name, wanted, lines)
    return [
        json_job(
            "unified log, NDJSON", scratch / "unified.ndjson", "unified_log", UNIFIED, "timestamp"
        ),
        json_job("Fleet server, JSON", scratch / "fleet.ndjson", "fleet_server", FLEET, "ts"),
        nginx_job(scratch / "access.log"),
    ]


def main() -> None:
    """Measure, or be one of the baselines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bare", nargs=2, metavar=("SELECT", "TARGET"))
    parser.add_argument("--loop", nargs=2, metavar=("SOURCE", "TARGET"))
    parser.add_argument("--size", type=int, default=500, help="MB of NDJSON; half as much of nginx")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--scratch", type=Path, default=Path(tempfile.gettempdir()) / "lastseen-bench"
    )
    parser.add_argument("--big", action="store_true", help="also 2 GB, for the memory")
    options = parser.parse_args()
    if options.bare:
        run_bare(*options.bare)
        return
    if options.loop:
        run_loop(*options.loop)
        return
    options.scratch.mkdir(exist_ok=True)
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores; "
        f"medians of {options.runs} runs of whole processes, each beside bare DuckDB on the same file\n\n"
        "| log | size | lastseen add | bare DuckDB | ratio | ratio of CPU | peak memory | lake |\n"
        "|---|--:|--:|--:|--:|--:|--:|--:|"
    )
    all_jobs = jobs(options.scratch, options.size * MB)
    for job in all_jobs:
        measure(job, options.scratch, options.runs)
    loop(all_jobs[0], options.scratch)
    for job in all_jobs:
        rules(job, options.scratch, "2026-03-10T00:00:00Z")
    if options.big:
        generate.write(options.scratch / "big.ndjson", 2000 * MB, generate.unified)
        measure(
            json_job(
                "unified log, 2 GB",
                options.scratch / "big.ndjson",
                "unified_log",
                UNIFIED,
                "timestamp",
            ),
            options.scratch,
            1,
        )


if __name__ == "__main__":
    main()
