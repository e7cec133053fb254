"""The lake: one Delta table per format, and how far each file was read into it.

A write and its bookmarks are one Delta commit. deltalake records app transactions but does not enforce
them, so a caller looks at the bookmark first and writes only what is new, under the project's lock.
"""

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import starmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

import pyarrow as pa
from deltalake import (
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Schema,
    Transaction,
)
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from lastseen import deltalog
from lastseen.columns import agree, delta_schema
from lastseen.errors import Exit, UserError
from lastseen.parquet import DAY, Part, PartWriter

REJECTS = "rejects"
COVERAGE = "coverage"

_CONFIGURATION = {
    "delta.checkpointInterval": str(deltalog.INTERVAL),  # commits slow down as the log grows
    "delta.deletedFileRetentionDuration": "interval 1 days",  # a reader may hold a list of files this long
}
_NO_ROOM = (
    "No space left", "os error 28", "File too large", "os error 27", "quota exceeded", "os error 122",
)  # fmt: skip


class Marks:
    """A table's bookmarks as they were in one version: Delta app transactions, each a name and a number."""

    def __init__(self, root: Path, table: DeltaTable | None) -> None:
        self._root = root
        self._table = table
        self._version = -1 if table is None else table.version()

    def __getitem__(self, mark: str) -> int | None:
        """Return a bookmark; None where it was never set."""
        if self._table is None:
            return None
        if self._all is None:
            return self._table.transaction_version(mark)
        return self._all.get(mark)

    @cached_property
    def _all(self) -> dict[str, int] | None:
        """All of them; None where they have to be asked for one by one, which takes far longer."""
        return deltalog.transactions(self._root, self._version)


@dataclass(frozen=True)
class Lake:
    """The tables below one path."""

    path: Path

    def tables(self) -> list[str]:
        """Return the names of the tables that are there."""
        if not self.path.is_dir():
            return []
        return sorted(
            entry.name for entry in self.path.iterdir() if (entry / "_delta_log").is_dir()
        )

    def table(self, name: str) -> DeltaTable | None:
        """Open a table; None where nothing was ever written to it.

        Raises:
            UserError: it is there and cannot be read (exit code 4).
        """
        if not (self.path / name / "_delta_log").is_dir():
            return None
        try:
            return DeltaTable(self.path / name)
        except (DeltaError, TableNotFoundError, OSError, ValueError) as error:
            raise damaged(self.path / name, error) from None

    def schema(self, name: str, table: DeltaTable | None = None) -> Any:
        """Return a table's Arrow schema without the partition column; None where it is not there."""
        table = table or self.table(name)
        if table is None:
            return None
        schema = pa.schema(table.schema().to_arrow())
        return pa.schema([column for column in schema if column.name != DAY])

    def partitioned_schema(self, name: str) -> Any:
        """Return a table's Arrow schema with the partition column, as a writer wants it."""
        schema = self.schema(name)
        return None if schema is None else schema.append(pa.field(DAY, pa.date32()))

    def files(
        self, name: str, since: date | None = None, table: DeltaTable | None = None
    ) -> list[str]:
        """Return the Parquet files of a table from a day on; ``table`` is it, where it is open.

        Raises:
            UserError: the log names a file that is gone (exit code 4).
        """
        table = table or self.table(name)
        if table is None:
            return []
        filters = [(DAY, ">=", str(since))] * bool(since)
        paths = sorted(
            unquote(uri.removeprefix("file://"))
            for uri in table.file_uris(file_pruning_predicate=filters or None)
        )
        for path in paths:
            if not os.path.exists(path):  # noqa: PTH110 - one call for each of many files
                raise damaged(self.path / name, f"{path} is gone")
        return paths

    def marks(self, name: str) -> Marks:
        """Return a table's bookmarks as they are now."""
        return Marks(self.path / name, self.table(name))

    def writer(self, name: str, schema: Any) -> "Writer":
        """Return what writes to a table, which is made or given new columns where it needs them.

        Args:
            name: The table.
            schema: The Arrow schema of its rows, ``day`` included.

        Raises:
            UserError: a column's type is not the table's.
        """
        return Writer(self, name, delta_schema(schema))


class Writer:
    """Writes rows to one table; nothing is seen before ``commit``. Leaving it without one discards."""

    def __init__(self, lake: Lake, name: str, schema: Any) -> None:
        self.schema = schema
        self.name = name
        self._root = lake.path / name
        self._table = lake.table(name)
        if self._table is not None:
            agree(name, pa.schema(self._table.schema().to_arrow()), schema)
        self._parts = PartWriter(self._root, schema)
        self._closed: list[Part] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._parts.discard()
        for part in self._closed:
            (self._root / part.path).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(self._root, error) from error

    def write(self, batch: Any) -> None:
        """Take a batch of rows; its columns are cast to the table's."""
        rows = batch.select(self.schema.names)
        self._parts.write(rows if rows.schema.equals(self.schema) else rows.cast(self.schema))

    def close(self) -> list[Part]:
        """Finish the Parquet files, which ``commit`` does too; return them."""
        self._closed += self._parts.close()
        self._parts = PartWriter(self._root, self.schema)
        return self._closed

    def commit(
        self,
        marks: Mapping[str, int],
        replaces: Sequence[str] = (),
        note: Mapping[str, str] | None = None,
    ) -> None:
        """Make the rows and the bookmarks seen, at once, in place of files that they replace.

        Args:
            marks: Bookmarks by name.
            replaces: Paths of Parquet files of the table, as ``Lake.files`` gives them.
            note: What else the commit itself is to say, by name.

        Raises:
            UserError: the disk is full, or the table cannot be written.
        """
        try:
            self.close()
            table = self._ready()
            added = [
                AddAction(
                    part.path, part.size, {DAY: part.day}, part.written, not replaces, part.stats
                )
                for part in self._closed
            ]
            table.create_write_transaction(
                [*added, *_removed(self._root, replaces, changes=not added)],
                mode="append",
                schema=table.schema(),
                partition_by=[DAY],
                commit_properties=CommitProperties(
                    dict(note or {}), app_transactions=list(starmap(Transaction, marks.items()))
                ),
                post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
            )
            self._closed = []
            if self.at_checkpoint:
                deltalog.trim(self._root)
        except (DeltaError, OSError) as error:
            raise unwritable(self._root, error) from error

    @property
    def at_checkpoint(self) -> bool:
        """Whether the last commit ended with a checkpoint, the time to tidy up a little."""
        return self._table is not None and (self._table.version() + 1) % deltalog.INTERVAL == 0

    def marks(self) -> Marks:
        """Return the table's bookmarks as they were when this began."""
        return Marks(self._root, self._table)

    def history(self) -> Iterator[deltalog.Commit]:
        """Yield the table's commits as far as the log still holds them, the newest first."""
        if self._table is not None:
            yield from deltalog.commits(self._root, self._table.version())

    def _ready(self) -> DeltaTable:
        """Return the table with at least these columns, made where it is not there."""
        table = self._table = self._table or self._create()
        there = pa.schema(table.schema().to_arrow()).names
        new = [column for column in self.schema if column.name not in there]
        if new:
            table.alter.add_columns(Schema.from_arrow(pa.schema(new)).fields)
        return table

    def _create(self) -> DeltaTable:
        """Make the table beside its place first: a crash must not leave a log without a version."""
        draft = self._root / ".new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        columns = Schema.from_arrow(self.schema)
        DeltaTable.create(draft, columns, partition_by=[DAY], configuration=_CONFIGURATION)
        (draft / "_delta_log").rename(self._root / "_delta_log")
        draft.rmdir()
        return DeltaTable(self._root)


def _removed(root: Path, paths: Sequence[str], *, changes: bool) -> list[RemoveAction]:
    now = int(time.time() * 1000)
    relative = [Path(path).relative_to(root.resolve()) for path in paths]
    return [
        RemoveAction(
            str(path),
            data_change=changes,
            deletion_timestamp=now,
            partition_values={DAY: path.parent.name.removeprefix(f"{DAY}=")},
        )
        for path in relative
    ]


def damaged(path: Path, why: object) -> UserError:
    """Say that a table cannot be read."""
    detail = " ".join(str(why).split())[:300]
    return UserError(
        f"{path}: the table is damaged: {detail}; restore the folder from a backup, "
        "or move it away and add its files again",
        Exit.DAMAGED,
    )


def unwritable(path: Path, error: Exception) -> UserError:
    """Say why a table could not be written."""
    text = " ".join(str(error).split())
    if any(sign in text for sign in _NO_ROOM):
        return UserError(
            f"{path}: the disk is full, or a limit is reached; "
            "nothing of this was committed. Make room and run it again",
            Exit.PARTIAL,
        )
    if "Permission denied" in text or "os error 13" in text:
        return UserError(f"{path}: may not be written by this user; nothing of this was committed")
    return UserError(
        f"{path}: could not be written: {text[:300]}; nothing of this was committed", Exit.DAMAGED
    )
