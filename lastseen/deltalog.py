"""The Delta log as files: its app transactions all at once, and what of it nobody needs any more.

deltalake answers for one app transaction at a time and reads the log for each; it deletes old commits by age
only, so a table that is written often lists and reads more of them with each commit.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

INTERVAL = 10
"""Commits from one checkpoint to the next."""
_ENTRY = re.compile(r"(\d{20})\.(json|checkpoint\.parquet)")
_FORM = "{:020}.{}"


def transactions(root: Path, version: int) -> dict[str, int] | None:
    """Return the app transactions of a table's version by name.

    Args:
        root: The table's folder.
        version: One that the log still reaches.

    Returns:
        None where another program left the log in a form that is not read here, or it was shortened meanwhile.
    """
    try:
        return _read(root / "_delta_log", version)
    except FileNotFoundError:
        return None


def _read(log: Path, version: int) -> dict[str, int] | None:
    checkpoints, commits = _entries(log)
    start = max((number for number in checkpoints if number <= version), default=-1)
    if not set(range(start + 1, version + 1)) <= commits:
        return None
    found: dict[str, int] = {}
    if start >= 0:
        path = log / _FORM.format(start, "checkpoint.parquet")
        known = pq.read_table(path, columns=["txn"])["txn"].combine_chunks().drop_null()
        names, numbers = (known.field(key).to_pylist() for key in ("appId", "version"))
        found = dict(zip(names, numbers, strict=True))
    for number in range(start + 1, version + 1):
        found |= _commit(log, number).transactions
    return found


@dataclass(frozen=True)
class Commit:
    """What one commit says beside the files that it adds and removes."""

    transactions: Mapping[str, int]
    info: Mapping[str, Any]
    """What its writer says of it, notes of its own included."""


def commits(root: Path, version: int) -> Iterator[Commit]:
    """Yield a table's commits up to a version, the newest first, until one was deleted."""
    for number in range(version, -1, -1):
        try:
            yield _commit(root / "_delta_log", number)
        except FileNotFoundError:
            return


def _commit(log: Path, version: int) -> Commit:
    transactions: dict[str, int] = {}
    info: dict[str, Any] = {}
    for line in (log / _FORM.format(version, "json")).read_bytes().splitlines():
        if b'"txn"' in line or b'"commitInfo"' in line:
            entry = json.loads(line)
            info |= entry.get("commitInfo", {})
            if told := entry.get("txn"):
                transactions[told["appId"]] = told["version"]
    return Commit(transactions, info)


def trim(root: Path) -> None:
    """Delete what lies before the last checkpoint but one.

    A reader lists the log and then reads from the last checkpoint on, so what it has in its list stays for as
    long as a whole interval of commits takes.
    """
    log = root / "_delta_log"
    checkpoints, commits = _entries(log)
    if len(checkpoints) <= 1:
        return
    oldest = sorted(checkpoints)[-2]
    for number, end in sorted(
        [(number, "json") for number in commits]
        + [(number, "checkpoint.parquet") for number in checkpoints]
    ):
        if number < oldest:
            (log / _FORM.format(number, end)).unlink(missing_ok=True)


def _entries(log: Path) -> tuple[set[int], set[int]]:
    """Return the versions that have a checkpoint, and those whose commit is there."""
    checkpoints, commits = set[int](), set[int]()
    for path in log.iterdir():
        if entry := _ENTRY.fullmatch(path.name):
            (commits if entry[2] == "json" else checkpoints).add(int(entry[1]))
    return checkpoints, commits
