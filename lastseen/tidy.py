"""Keeps the lake small and quick: few files, closed days in order, nothing older than it should be."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path

import duckdb

from lastseen import database, deltalog, recovery
from lastseen.gather import day_of, ordered_mark
from lastseen.lake import Lake, damaged
from lastseen.parquet import DAY

MEMORY = "512MB"
"""What a rewrite may use; what is over it spills to disk."""
_MANY = 8
"""Files of a day still open that are worth making one."""
_DAYS, _SIZE = 50, 1 << 30
"""A commit writes at most so many days anew, and about so many bytes of Parquet."""
_RETENTION = 24
"""Hours that a file which is no longer part of a table stays, for readers that have it in their list."""


Days = dict[date, list[str]]


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
    recovery.finish_replay(lake)
    today = now.astimezone(UTC).date()
    for name in lake.tables():
        before = len(lake.files(name))
        forgotten = _forget(lake, name, (now - keep).date() if keep else None)
        marks = lake.marks(name)
        days = _days(lake, name)
        closed = {
            d: files
            for d, files in days.items()
            if d < today and marks[ordered_mark(d)] != len(files)
        }
        many = {d: files for d, files in days.items() if d >= today and len(files) >= _MANY}
        for group in chain(_groups(closed), _groups(many)):
            _rewrite(lake, name, group, spill, ordered=group.keys() <= closed.keys())
        vacuumed = _vacuum(lake, name)
        rewritten = len(closed) + len(many)
        yield Tidied(name, rewritten, before, len(lake.files(name)), forgotten, vacuumed)


def _groups(days: Days) -> Iterator[Days]:
    """Yield days in groups, each of which is written anew in one commit."""
    group: Days = {}
    size = 0
    for day, files in days.items():
        group[day] = files
        size += sum(Path(path).stat().st_size for path in files)
        if len(group) >= _DAYS or size > _SIZE:
            yield group
            group, size = {}, 0
    if group:
        yield group


def _days(lake: Lake, name: str) -> Days:
    days: Days = {}
    for path in lake.files(name):
        days.setdefault(day_of(path), []).append(path)
    return dict(sorted(days.items()))


def _forget(lake: Lake, name: str, before: date | None) -> int:
    """Drop the days before a date; return how many there were."""
    old = [path for path in lake.files(name) if before and day_of(path) < before]
    if old:
        with lake.writer(name, lake.partitioned_schema(name)) as writer:
            writer.commit({}, replaces=old)
    return len({day_of(path) for path in old})


def _rewrite(lake: Lake, name: str, days: Days, spill: Path, *, ordered: bool) -> None:
    """Write days anew, a file or few for each.

    Raises:
        UserError: what is there cannot be read (exit code 4).
    """
    schema = lake.partitioned_schema(name)
    files = [path for group in days.values() for path in group]
    order = ", ".join([DAY, *(key for key in ("host", "ts") if key in schema.names)])
    source = database.parquet(files)
    with database.connect(MEMORY) as con, lake.writer(name, schema) as writer:
        con.execute(f"set temp_directory = {database.literal(str(spill))}")
        try:
            have = set(con.sql(f"from {source} limit 0").columns)
            lacks = [key for key in schema.names if key not in {*have, DAY}]
            missing = "".join(f", null as {database.name(key)}" for key in lacks)
            query = f"select *{missing}, cast(ts as date) as {DAY} from {source}"
            for batch in database.batches(con, f"{query} order by {order}" if ordered else query):
                writer.write(batch)
        except duckdb.Error as error:
            raise damaged(lake.path / name, error) from None
        written = Counter(day_of(part.path) for part in writer.close())
        writer.commit(
            {ordered_mark(day): written[day] for day in days} if ordered else {}, replaces=files
        )


def _vacuum(lake: Lake, name: str) -> int:
    """Checkpoint, and delete what no version in reach needs."""
    table = lake.table(name)
    if table is None:
        return 0
    table.create_checkpoint()
    deltalog.trim(lake.path / name)
    return len(table.vacuum(retention_hours=_RETENTION, dry_run=False, full=True))
