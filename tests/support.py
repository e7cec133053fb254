"""What several test modules use: a tiny format, and the tool as people and tests call it."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from lastseen import formats, intake
from lastseen.intake import Request
from lastseen.lake import Lake
from lastseen.logfile import Result
from lastseen.project import Project

NOW = datetime(2026, 3, 11, tzinfo=UTC)
TINY = r"""-- title:  Lines of tests
-- files:  *.tiny, *.tiny.*
-- sniff:  ^\d{4}-\d\d-\d\d[T ]\S+ \S+ \S
-- covers: host
-- skip:   ^##
--
-- A time, a host and words. The message is the whole line.
--
select
    case
        when regexp_matches(text, '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ')
        then try_cast(split_part(text, ' ', 1) as timestamptz)
    end as ts,
    split_part(text, ' ', 2) as host,
    coalesce(emitter, split_part(text, ' ', 2)) as emitter,
    'info' as level,
    'tiny' as process,
    text as message,
    file,
    line
from records
"""


def tiny(number: int, words: str = "is here") -> str:
    """A line of the tiny format, with its line end; each number has a second of its own."""
    hours, rest = divmod(number % 86400, 3600)
    return (
        f"2026-03-10T{hours:02}:{rest // 60:02}:{rest % 60:02}Z mac-{number % 7} {words} {number}\n"
    )


def ingest_format(project: Project, text: str = TINY, name: str = "tiny") -> None:
    """Give a project a format of its own."""
    folder = project.root / "ingest"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.sql").write_text(text, encoding="utf-8")


def lake_of(project: Project) -> Lake:
    return Lake(project.root / "lake")


def add(
    project: Project, *paths: Path | str, now: datetime = NOW, **options: str | None
) -> list[Result]:
    """Add files in this process; the tiny format unless told otherwise."""
    request = Request([str(path) for path in paths], **{"format": "tiny", **options})  # type: ignore[arg-type]
    return intake.add(project, lake_of(project), request, now, lambda *_: None)


def rows(
    lake: Lake, table: str, columns: str = "*", order: str = "file, line"
) -> list[tuple[Any, ...]]:
    """What a table holds, read by a DuckDB that knows nothing of lastseen."""
    files = lake.files(table)
    if not files:
        return []
    with duckdb.connect() as con:
        con.execute("set timezone = 'UTC'")
        source = f"read_parquet({files!r}, union_by_name = true, hive_partitioning = false)"
        # Through Arrow: DuckDB makes Python's times of its own only where pytz is installed.
        found = con.sql(f"select {columns} from {source} order by {order}").to_arrow_table()
        values = [column.to_pylist() for column in found.columns]
    return list(zip(*values, strict=True))


def messages(project: Project) -> list[str]:
    return [text for (text,) in rows(lake_of(project), "tiny", "message", "line, message")]


def rejected(project: Project) -> list[str]:
    return [text for (text,) in rows(lake_of(project), "rejects", "text", "line, text")]


@dataclass(frozen=True)
class Ran:
    """What a run of the tool in a process of its own came to."""

    code: int
    out: str
    err: str


def command(project: Project | Path, *words: str) -> list[str]:
    root = project if isinstance(project, Path) else project.root
    return [sys.executable, "-m", "lastseen", "-C", str(root), *words]


def process(project: Project | Path, *words: str, stdin: bytes = b"", **options: Any) -> Ran:
    """Run the tool in a process of its own."""
    done = subprocess.run(
        command(project, *words),
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
        **options,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def format_of(project: Project, name: str = "tiny") -> formats.Format:
    return formats.load(project)[name]


def lines_of(numbers: Sequence[int]) -> str:
    return "".join(map(tiny, numbers))
