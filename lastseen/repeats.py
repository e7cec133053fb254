"""What comes twice is kept once: windows overlap, and some programs print all they have each time.

An event is the n-th with its key. Where the lake has two alike, the first two that come are those, and a third
is new; so two lines of one second that read the same stay two, however often a window shows them. Of a key only
a hash is held. Its seed is drawn anew for each commit, so that no log can be written to hide a line.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Self
from urllib.parse import unquote

import numpy as np
import polars as pl
import pyarrow as pa

from lastseen.columns import REJECT_SCHEMA
from lastseen.lake import REJECTS, Lake
from lastseen.parquet import DAY
from lastseen.tally import Hashes, Ints, Mask, Tally

BUCKET = 600_000_000
"""Microseconds of the lake that are looked up at a time."""
MARGIN = 60_000_000
"""Microseconds by which two showings of one event may differ: a Mac dates an event anew each time it shows it."""
HELD = 4_000_000
"""Rows of one commit whose hashes are held for the files that come after; then the commit ends."""
_PLACE = ("file", "line", DAY)
"""Columns that tell where an event was read, not which one it is."""
_FEW = 36
"""Spans that are looked up together though there may be times between them."""
_FAR = 1 << 61
"""A time further from 1970 than this would overflow; none such is in any lake."""


@dataclass
class _Kind:
    """Rows that are told apart by the same columns."""

    columns: list[str]
    """What is looked at."""
    hashed: pl.Expr
    which: pl.Expr
    """Finds them among all rows."""
    known: Tally = field(default_factory=Tally)
    buckets: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    """Spans of time, by their number, of which the lake's rows are known."""


class Repeats:
    """Knows for one commit what the lake has and what the commit will add, file after file."""

    def __init__(self, lake: Lake, form: str, key: Sequence[str], schema: Any) -> None:
        """Look at nothing yet.

        Args:
            lake: The lake.
            form: The format, and its table.
            key: Columns that name an event; a row that lacks one of them is told by all it has.
            schema: The Arrow schema of the table.
        """
        self._lake = lake
        self._form = form
        self._schema = dict(_polars(schema))
        self._seed = secrets.randbits(64)
        whole = [name for name in schema.names if name not in _PLACE]
        named = pl.all_horizontal(pl.col([*key] or ["ts"]).is_not_null())
        if key:
            by_key = [column for column in whole if column in ("emitter", *key)]
            self._kinds = [self._kind(by_key, named), self._kind(whole, ~named)]
        else:
            self._kinds = [self._kind(whole, named)]
        self._rejects: dict[datetime | None, Tally] = {}
        self._new: list[tuple[Tally, Hashes]] = []
        self._held = 0

    def _kind(self, columns: Sequence[str], which: pl.Expr) -> _Kind:
        hashed = pl.struct(columns).hash(self._seed).alias("hash")
        return _Kind(list(dict.fromkeys(["ts", *columns])), hashed, which.alias("mine"))

    @property
    def full(self) -> bool:
        """So much was written that a file which may repeat it belongs into the next commit."""
        return self._held > HELD

    def begin(self) -> Self:
        """Begin a file: it may show all once more that is there, and that those before it brought."""
        for tally, hashes in self._new:
            tally.add(hashes)
        self._new = []
        for tally in (*self._rejects.values(), *(kind.known for kind in self._kinds)):
            tally.again()
        return self

    def fresh(self, batch: Any) -> Mask:
        """Say which rows of a file the lake does not have.

        Args:
            batch: Arrow rows, all with a time, in the order of the file.
        """
        fresh = np.ones(batch.num_rows, bool)
        rest = fresh.copy()
        for kind in self._kinds:
            if rest.any():
                rows = pl.DataFrame(batch.select(kind.columns))
                shown = rows.cast({name: self._schema[name] for name in kind.columns}).select(
                    kind.hashed, kind.which, pl.col("ts").to_physical()
                )
                places = np.flatnonzero(shown["mine"].to_numpy())
                self._look_up(kind, shown["ts"].to_numpy()[places])
                fresh[places] = self._new_of(kind.known, shown["hash"].to_numpy()[places])
                rest[places] = False
        return fresh

    def fresh_rejects(self, batch: Any, again: datetime | None = None) -> Mask:
        """Say which rejects of a file the lake does not have; as they have no time, any of its file may be one.

        Args:
            batch: Arrow rows of the table of rejects.
            again: Where a run that crashed has written this file's rejects: when the file was last changed.
                Those count as fresh then, as they did for that run.
        """
        hashed = pl.struct("file", "emitter", "text").hash(self._seed).alias("hash")
        if again not in self._rejects:
            known = self._rejects.setdefault(again, Tally())
            mine = [pl.col("format") == self._form]
            mine += [pl.col("file_time") < again] if again else []
            if files := self._lake.files(REJECTS):
                known.add(_hashes(files, dict(_polars(REJECT_SCHEMA)), mine, hashed))
        rows = pl.DataFrame(batch.select(["file", "emitter", "text"])).cast(pl.String)
        hashes = rows.select(hashed)["hash"].to_numpy()
        if again:
            return ~self._rejects[again].strike(hashes)
        return self._new_of(self._rejects[None], hashes)

    def _new_of(self, known: Tally, hashes: Hashes) -> Mask:
        """Say which of some hashes are not known, and hold those for the files that come after."""
        fresh = ~known.strike(hashes)
        self._held += int(fresh.sum())
        self._new.append((known, hashes[fresh]))
        return fresh

    def _look_up(self, kind: _Kind, times: Ints) -> None:
        """Make known what the lake has of about these times."""
        buckets = np.setdiff1d(_buckets(times), kind.buckets)
        if not len(buckets):
            return
        kind.buckets = np.union1d(kind.buckets, buckets)
        files = self._files.touched(buckets)
        if not files:
            return
        ts = pl.col("ts")
        where = [
            ts
            >= _moment(int(buckets[0]) * BUCKET),  # this and the next, Parquet's statistics answer
            ts < _moment((int(buckets[-1]) + 1) * BUCKET),
            (ts.to_physical() // BUCKET).is_in(buckets.tolist()),
            kind.which,
        ]
        kind.known.add(_hashes(files, self._schema, where, kind.hashed))

    @cached_property
    def _files(self) -> "_Files":
        return _Files.of(self._lake, self._form)


def _buckets(times: Ints) -> Ints:
    """Return the spans of time in or near which some times are; also those between, where these are few."""
    if not len(times):
        return times
    near = np.clip(times, -_FAR, _FAR)
    first, last = (near.min() - MARGIN) // BUCKET, (near.max() + MARGIN) // BUCKET
    if last - first < _FEW:
        return np.arange(first, last + 1)
    return np.unique(np.concatenate([near - MARGIN, near + MARGIN]) // BUCKET)


@dataclass(frozen=True)
class _Files:
    """A table's Parquet files, and of each its least and greatest time in microseconds since 1970."""

    paths: list[str]
    first: Ints
    last: Ints

    @classmethod
    def of(cls, lake: Lake, name: str) -> "_Files":
        """Read them from the table's transaction log, where there is one."""
        table = lake.table(name)
        if table is None:
            return cls([], np.empty(0, np.int64), np.empty(0, np.int64))
        actions = pl.DataFrame(pa.table(table.get_add_actions(flatten=True)))
        paths = [str(lake.path / name / unquote(path)) for path in actions["path"]]
        first, last = (actions[f"{which}.ts"].dt.timestamp("us") for which in ("min", "max"))
        return cls(paths, first.fill_null(-_FAR).to_numpy(), last.fill_null(_FAR).to_numpy())

    def touched(self, buckets: Ints) -> list[str]:
        """Return the files that may hold rows of some spans of time, given in order."""
        after = np.searchsorted(buckets, self.first // BUCKET)
        following = np.append(buckets, np.iinfo(np.int64).max)[after]
        return [self.paths[place] for place in np.flatnonzero(following <= self.last // BUCKET)]


def _hashes(
    files: Sequence[str],
    schema: Mapping[str, pl.DataType],
    where: Sequence[pl.Expr],
    hashed: pl.Expr,
) -> Hashes:
    """Return the hashes of rows in Parquet files, of which the older may lack columns."""
    rows = pl.scan_parquet(
        list(files),
        schema={name: kind for name, kind in schema.items() if name != DAY},
        hive_partitioning=False,
        glob=False,
        missing_columns="insert",
        extra_columns="ignore",
    )
    found = rows.filter(*where).select(hashed).collect(engine="streaming")
    return found["hash"].to_numpy()


def _polars(schema: Any) -> pl.Schema:
    """Return an Arrow schema in Polars' types."""
    return pl.DataFrame(pa.schema(schema).empty_table()).schema


def _moment(stamped: int) -> pl.Expr:
    """Return a moment in microseconds since 1970, UTC."""
    return pl.lit(stamped).cast(pl.Datetime("us", "UTC"))
