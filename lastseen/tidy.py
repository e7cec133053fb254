"""Keeps the lake small and quick: few files, closed days in order, nothing older than it should be."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from lastseen import database
from lastseen.lake import Lake
from lastseen.parquet import DAY

MEMORY = "512MB"
"""What a rewrite may use; what is over it spills to disk."""
_MANY = 8
"""Files of a day still open that are worth making one."""
_RETENTION = 24
"""Hours that a file which is no longer part of a table stays, for readers that have it in their list."""


@dataclass(frozen=True)
class Tidied:
    """What was done to one table."""

    table: str
    days: int
    """Days written anew."""
    files_before: int
    files_after: int
    forgotten: int
    """Days dropped because they are older than `keep`."""
    vacuumed: int
    """Files deleted that no version in reach needs."""


def tidy(lake: Lake, keep: timedelta | None, now: datetime, spill: Path) -> Iterator[Tidied]:
    """Tidy every table; the caller holds the project's lock.

    A closed day, one that is over in UTC, is written anew ordered by host and time, so that a host's rows
    lie together. Rows of an open day keep their order.

    Args:
        lake: The tables.
        keep: Older days are dropped; None keeps all.
        now: Decides what is closed and what is old.
        spill: A folder for what does not fit in memory.

    Yields:
        What was done to each table, as it is done.
    """
    today = now.astimezone(UTC).date()
    for name in lake.tables():
        before = lake.files(name)
        forgotten = _forget(lake, name, (now - keep).date() if keep else None)
        days = 0
        for day, files in _days(lake, name).items():
            closed = day < today
            mark = f"tidy.{day}"
            if (closed and lake.marks(name)[mark] != len(files)) or (
                not closed and len(files) >= _MANY
            ):
                _rewrite(lake, name, files, mark if closed else None, spill)
                days += 1
        yield Tidied(name, days, len(before), len(lake.files(name)), forgotten, _vacuum(lake, name))


def _days(lake: Lake, name: str) -> dict[date, list[str]]:
    days: dict[date, list[str]] = {}
    for path in lake.files(name):
        days.setdefault(_day(path), []).append(path)
    return dict(sorted(days.items()))


def _day(path: str) -> date:
    return date.fromisoformat(Path(path).parent.name.removeprefix(f"{DAY}="))


def _forget(lake: Lake, name: str, before: date | None) -> int:
    """Drop the days before a date; return how many there were."""
    old = [path for path in lake.files(name) if before and _day(path) < before]
    if old:
        with lake.writer(name, lake.partitioned_schema(name)) as writer:
            writer.commit({}, replaces=old)
    return len({_day(path) for path in old})


def _rewrite(lake: Lake, name: str, files: list[str], mark: str | None, spill: Path) -> None:
    """Write one day's files anew; ordered where it is closed."""
    schema = lake.partitioned_schema(name)
    keys = [key for key in ("host", "ts") if key in schema.names]
    order = f"order by {', '.join(keys)}" if mark else ""
    source = (
        f"read_parquet({database.literal(files)}, union_by_name = true, hive_partitioning = false)"
    )
    with database.connect(MEMORY) as con, lake.writer(name, schema) as writer:
        con.execute(f"set temp_directory = {database.literal(str(spill))}")
        have = set(con.sql(f"from {source} limit 0").columns)
        missing = "".join(
            f", null as {database.name(key)}" for key in schema.names if key not in {*have, DAY}
        )
        query = f"select *{missing}, cast(ts as date) as {DAY} from {source} {order}"
        for batch in database.batches(con, query):
            writer.write(batch)
        written = writer.close()
        writer.commit({mark: written} if mark else {}, replaces=files)


def _vacuum(lake: Lake, name: str) -> int:
    """Checkpoint, and delete what no version in reach needs."""
    table = lake.table(name)
    if table is None:
        return 0
    table.create_checkpoint()
    table.cleanup_metadata()
    return len(table.vacuum(retention_hours=_RETENTION, dry_run=False, full=True))
