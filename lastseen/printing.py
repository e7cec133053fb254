"""What commands print: results on standard output, talk on standard error."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from lastseen import database, terminal
from lastseen.collect import Pulled
from lastseen.incident import Notice
from lastseen.logfile import Result
from lastseen.options import Form
from lastseen.period import rfc3339
from lastseen.rules import Finding

_STALE = timedelta(days=1)
"""Logs that end so long before the moment that is judged tell nothing of it."""

_NAMED = 10
"""Hosts that a line names; the others are counted."""


def say(text: str) -> None:
    """Tell the person at the terminal something that is no result."""
    print(text, file=sys.stderr)


@contextmanager
def progress() -> Iterator[Any]:
    """Show a bar on a terminal; elsewhere, nothing."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("reading", total=None)

        def told(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=terminal.harmless(what)[-40:])

        yield told


@contextmanager
def pulling() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each source on a terminal; elsewhere, nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:

        def told(name: str, done: int, whole: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name)
            bar.update(tasks[name], completed=done, total=whole or None)

        yield told


@contextmanager
def replaying() -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar of moments on a terminal; elsewhere, nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("replaying", total=None)

        def told(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield told


def recorded(notices: Sequence[Notice], stale: str | None, *, dry: bool) -> None:
    """Tell what a check made of incidents."""
    if stale is not None:
        say(f"note: incidents were left as they are: {stale}")
    kinds = Counter(one.kind for one in notices)
    if kinds:
        what = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
        say(
            f"note: incidents: {what} (a dry run)"
            if dry
            else f"note: incidents: {what}; lastseen incidents"
        )


def pulled_json(pulled: Sequence[Pulled]) -> None:
    """Print what became of each file that sources brought, and what failed."""
    print(
        terminal.as_json(
            {
                "files": [
                    {"source": one.source, **_result(result)}
                    for one in pulled
                    for result in one.results
                    if result.read
                ],
                "failed": [
                    {"source": one.source, "problem": problem}
                    for one in pulled
                    for problem in one.problems
                ],
            }
        )
    )


def pulled_table(pulled: Sequence[Pulled]) -> None:
    """Print what each source brought, and below what failed."""
    rows = [
        {
            "source": one.source,
            "files": sum(result.read and not result.already for result in one.results),
            "rows": sum(result.rows for result in one.results),
            "rejects": sum(result.rejects for result in one.results),
            "from (UTC)": _second(min((r.since for r in one.results if r.since), default=None)),
            "to (UTC)": _second(max((r.until for r in one.results if r.until), default=None)),
        }
        for one in pulled
    ]
    if rows:
        terminal.table(list(rows[0]), rows)
    else:
        print("nothing is due")
    for one in pulled:
        for problem in one.problems:
            say(f"error: {one.source}: {terminal.harmless(problem)}")
        for note in one.outcome.notes:
            say(f"note: {one.source}: {terminal.harmless(note)}")
        if one.outcome.absent:
            absent = terminal.harmless(", ".join(sorted(one.outcome.absent)[:_NAMED]))
            more = f" and {len(one.outcome.absent) - _NAMED} more" * (
                len(one.outcome.absent) > _NAMED
            )
            say(f"note: {one.source}: could not be reached: {absent}{more}")


def replayed(pulled: Sequence[Pulled]) -> None:
    """Tell what became of units that had been set aside."""
    for one in pulled:
        read = sum(result.read for result in one.results)
        rows = sum(result.rows for result in one.results)
        say(f"note: {one.source}: {read} of {len(one.results)} set aside are read now, {rows} rows")
        for problem in one.problems:
            say(f"error: {one.source}: {terminal.harmless(problem)}")


def results_json(results: list[Result]) -> None:
    """Print what became of each file; one that was read in part is in both lists."""
    files = [_result(result) for result in results if result.read]
    failed = [{"file": r.file, "problem": r.problem} for r in results if r.problem]
    print(terminal.as_json({"files": files, "failed": failed}))


def _result(result: Result) -> dict[str, Any]:
    names = ("file", "format", "rows", "rejects", "since", "until", "already")
    return {name: getattr(result, name) for name in names}


def results_table(results: list[Result]) -> None:
    """Print what became of each file, and below what asks for attention."""
    good = [r for r in results if r.read]
    rows = [
        {
            "file": r.file, "format": r.format, "rows": r.rows, "rejects": r.rejects, "skipped": r.skipped,
            "repeated": r.repeated,
            "from (UTC)": _second(r.since), "to (UTC)": _second(r.until), "": "added before" if r.already else "",
        }
        for r in good
    ]  # fmt: skip
    if rows:
        told = (name for name in rows[0] if name != "repeated" or any(r.repeated for r in good))
        terminal.table(list(told), rows)
    for result in results:
        if result.problem:
            say(f"error: {terminal.harmless(result.problem)}")
        if result.doubtful:
            say(
                f"note: {terminal.harmless(result.file)}: {result.doubtful} rows are dated before 2001 "
                "or after tomorrow; is its clock right?"
            )
    if rejected := sum(r.rejects for r in good):
        say(
            f"note: {rejected} rejects, kept: lastseen sql 'select file, line, reason, text from rejects'"
        )


def findings(found: Sequence[Finding]) -> None:
    """Print findings as a table, the worst first."""
    rows = [
        {
            "severity": f.severity,
            "rule": f.rule,
            "since (UTC)": f"{f.since.astimezone(UTC):%Y-%m-%d %H:%M}",
            "what": f.summary,
        }
        for f in found
    ]
    if rows:
        terminal.table(list(rows[0]), rows)
    else:
        print("no findings")


def _second(when: datetime | None) -> str | None:
    """Write a moment as closely as a person looks; JSON has the microseconds."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if when else None


def ground(newest: datetime | None, now: datetime) -> None:
    """Say so where an answer stands on nothing, or on old logs alone."""
    if newest is None:
        say("note: no logs were added, so nothing is known: lastseen add PATH…")
    elif now - newest > _STALE:
        say(
            f"note: nothing collected is newer than {rfc3339(newest)}, so nothing is known of the time "
            f"since; to judge at that time: --now {rfc3339(newest)}"
        )


def listing(rows: list[dict[str, Any]], *, as_json: bool, nothing: str) -> None:
    """Print rows as a table or as JSON."""
    if as_json:
        print("\n".join(terminal.json_rows(rows)))
    elif rows:
        terminal.table(list(rows[0]), rows)
    else:
        print(nothing)


def answer(table: Any, form: Form, *, safe: bool) -> None:
    """Print the rows of a query as the user wants them."""
    columns = _distinct(table.column_names)
    table = table.rename_columns(columns)
    if form is Form.PARQUET:
        terminal.parquet(table)
        return
    rows = database.rows(table)
    if form is Form.CSV:
        sys.stdout.write(terminal.as_csv(columns, rows, safe=safe))
    elif form is Form.JSON:
        print("\n".join(terminal.json_rows(rows)))
    elif form is Form.MARKDOWN:
        print(terminal.as_markdown(columns, rows))
    else:
        terminal.table(columns, rows)


def _distinct(names: list[str]) -> list[str]:
    """Number the columns of one name, as DuckDB does."""
    found: list[str] = []
    for name in names:
        numbered = (f"{name}_{number}" for number in count(1))
        found.append(name if name not in found else next(n for n in numbered if n not in found))
    return found
