"""What `lastseen status` prints: the whole message first, then what it stands on."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

from lastseen import terminal
from lastseen.disk import Disk
from lastseen.period import Cron
from lastseen.status import NEVER, JobStatus, SourceStatus, Status
from lastseen.status_line import headline, title
from lastseen.terminal import harmless
from lastseen.wording import clock, count, listed, wrap

_NAMED = 3
"""So many troubled sources are told of in the first line, and so many hosts by name."""
_LONGEST = 300
"""Characters of a problem that are shown."""
_WIDE = 100
"""Columns of a terminal from which on a source's kind is shown."""
_YEARS = 1000
"""Days from which on nobody wants to know how many."""
_UNKNOWN = "?"
_OF_HOSTS = ("fleet", "ssh")
"""Kinds of sources that ask for hosts; others count files and objects."""
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def show(status: Status, root: Path) -> None:
    """Print it for people.

    Args:
        status: How things stand.
        root: The project; files in it are named from there.
    """
    print(wrap(harmless(f"{headline(status)}"), 0, _width()))
    for rows in (_source_rows(status), _format_rows(status)):
        if rows:
            print()
            terminal.table(list(rows[0]), rows)
    for lines in (_notes(status, root), _rest(status)):
        texts = [wrap(harmless(line), 2, _width()) for line in lines]
        if texts:
            print("\n" + "\n".join(texts))


def _source_rows(status: Status) -> list[dict[str, Any]]:
    now = status.now
    rows = [
        {
            "source": one.name,
            "kind": one.known.source.kind,
            "state": "never" if one.standing == NEVER else one.standing,
            "good": clock(one.known.good.finished, now) if one.known.good else "never",
            "next": _next(one, now),
            "rows": _number(one.of_last("rows")),
            "in a day": _number(one.rows_day),
            "lag": _lag(one.lag),
            "hosts": _hosts(one),
        }
        for one in status.sources
    ]
    idle = ["kind"] * (_width() < _WIDE) + ["hosts"] * (not any(row["hosts"] for row in rows))
    kept = [{key: value for key, value in row.items() if key not in idle} for row in rows]
    return _right(kept, ("rows", "in a day", "lag", "hosts"))


def _right(rows: list[dict[str, Any]], columns: Sequence[str]) -> list[dict[str, Any]]:
    """Put what is counted at the right of its column."""
    for key in columns:
        width = max([len(key), *(len(row[key]) for row in rows if key in row)])
        rows = [
            {
                (name.rjust(width) if name == key else name): (
                    value.rjust(width) if name == key else value
                )
                for name, value in row.items()
            }
            for row in rows
        ]
    return rows


def _lag(span: timedelta | None) -> str:
    """Say how old something is, in its largest unit; a clock that is ahead brings what is to come."""
    if span is None:
        return _UNKNOWN
    if span < timedelta():
        return "ahead"
    seconds = int(span.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _next(one: SourceStatus, now: datetime) -> str:
    if one.known.last is None:
        return "now"
    due = one.known.next_due
    if due is None:
        return "never"
    return "now" if due <= now else clock(due, now)


def _hosts(one: SourceStatus) -> str:
    wanted = one.of_last("wanted") if one.known.source.kind in _OF_HOSTS else None
    return f"{wanted - len(_absent(one)):,}/{wanted:,}" if wanted else ""


def _absent(one: SourceStatus) -> list[str]:
    return sorted(map(str, one.of_last("absent") or []))


def _format_rows(status: Status) -> list[dict[str, Any]]:
    rows = [
        {
            "format": one.format or "(none)",
            "newest event": clock(one.newest, status.now) if one.newest else _UNKNOWN,
            "hours of 24": str(one.hours),
            "rejects": _number(one.rejects),
            "in a day": _number(one.rejects_day),
        }
        for one in status.formats
    ]
    return _right(rows, ("hours of 24", "rejects", "in a day"))


def _notes(status: Status, root: Path) -> Iterator[str]:
    """Yield what asks for attention, source by source."""
    for one in status.sources:
        if one.known.last and one.known.last.problem:
            yield f"{one.name}: {_shortened(one.known.last.problem)}"
        if absent := _absent(one):
            more = f" and {len(absent) - _NAMED} more" * (len(absent) > _NAMED)
            yield f"{one.name}: could not be reached: {', '.join(absent[:_NAMED])}{more}"
        for note in one.of_last("notes") or []:
            yield f"{one.name}: {_shortened(str(note))}"
        if skipped := one.of_last("skipped"):
            yield f"{one.name}: {count(skipped, 'file is no log', 'files are no logs')}, so nothing was read from there"
        if one.waiting:
            yield f"{one.name}: {count(one.waiting, 'unit')} in the spool, to be read by the next pull"
        if one.set_aside:
            yield from _aside(one, root)
    for job in status.failed:
        yield f"{title(job)}: {_shortened(job.problem or '')}"
    for name, units in status.strays.items():
        yield (
            f"{count(units, 'unit')} in the spool of {name}, which is not in lastseen.toml: "
            f"put it back there and pull, or add what lies in spool/{name}"
        )


def _aside(one: SourceStatus, root: Path) -> Iterator[str]:
    first = one.set_aside[0]
    where = first.file.relative_to(root) if first.file.is_relative_to(root) else first.file
    yield (
        f"{one.name}: {count(len(one.set_aside), 'unit is', 'units are')} set aside, for nothing could read what "
        f"came: {where}: {_shortened(first.problem)}"
    )
    yield f"{one.name}: give the source its format, or add or mend one in ingest/, then: lastseen replay"


def _rest(status: Status) -> Iterator[str]:
    """Yield a line for each kind of job, the spool, and the disk."""
    rules = [job for job in status.jobs if job.kind == "rule"]
    if rules:
        yield f"rules: {count(len(rules), 'runs', 'run')} by schedule, {_times(rules, status.now)}"
    else:
        yield "rules: none ran by schedule"
    for job in status.jobs:
        if job.kind != "rule":
            yield f"{title(job)}: {_times([job], status.now)}"
    yield _disk(status.disk)
    yield "all times are UTC"


def _times(jobs: Sequence[JobStatus], now: datetime) -> str:
    last = max((job.last for job in jobs if job.last), default=None)
    coming = min((job.next for job in jobs if job.next), default=None)
    failed = [job.name if job.kind == "rule" else "it" for job in jobs if job.problem]
    when = "never" if coming is None else "now" if coming <= now else clock(coming, now)
    text = f"last {clock(last, now) if last else 'never'}, next {when}"
    return f"{text}; {listed(failed)} failed" if failed else text


def _disk(disk: Disk) -> str:
    text = f"disk: lake {size(disk.lake_bytes)}, spool {size(disk.spool_bytes)}, {size(disk.free_bytes)} free"
    if disk.growth_bytes_a_day is None:
        return f"{text}; for how long is not known before the lake holds a week"
    growth = f"{size(disk.growth_bytes_a_day)} a day as in the last week"
    if disk.keep_fits:
        return f"{text}; at {growth} that is enough for all that keep keeps"
    if disk.days_left is None:
        return f"{text}; nothing was added in the last week"
    enough = "years" if disk.days_left > _YEARS else count(disk.days_left, "day")
    return f"{text}; at {growth} that is enough for {enough}"


def report(status: Status) -> dict[str, Any]:
    """Return all of it as ``status --json`` prints it; null is unknown."""
    return {
        "now": status.now,
        "late": [one.name for one in status.late],
        "sources": [_source_json(one) for one in status.sources],
        "formats": [vars(one) for one in status.formats],
        "jobs": [vars(one) for one in status.jobs],
        "spool": {
            "waiting": sum(one.waiting for one in status.sources),
            "set_aside": sum(len(one.set_aside) for one in status.sources),
            "of_no_source": dict(status.strays),
        },
        "disk": vars(status.disk),
    }


def _source_json(one: SourceStatus) -> Mapping[str, Any]:
    known, every = one.known, one.known.source.every
    return {
        "name": one.name,
        "kind": known.source.kind,
        "state": one.standing,
        "every_s": every.total_seconds() if isinstance(every, timedelta) else None,
        "cron": f"{every.line} {every.zone}" if isinstance(every, Cron) else None,
        "last_run": known.last and known.last.finished,
        "last_good": known.good and known.good.finished,
        "next_due": known.next_due,
        "failing_since": known.failing_since,
        "problem": known.last and known.last.problem,
        "rows": one.of_last("rows"),
        "rows_day": one.rows_day,
        "newest": one.newest,
        "lag_s": one.lag,
        "wanted": one.of_last("wanted"),
        "absent": _absent(one) if known.last else None,
        "waiting": one.waiting,
        "set_aside": [{"file": str(unit.file), "problem": unit.problem} for unit in one.set_aside],
    }


def size(number: int) -> str:
    """Write bytes as people do.

    >>> size(999), size(1_230_000), size(45_600_000_000)
    ('999 B', '1.2 MB', '46 GB')
    """
    value, step = float(number), 0
    while value >= 999.5 and step < len(_UNITS) - 1:  # noqa: PLR2004 - 1000 would be shown
        value, step = value / 1000, step + 1
    shown = f"{value:.1f}" if step and value < 9.95 else f"{value:.0f}"  # noqa: PLR2004 - two digits
    return f"{shown} {_UNITS[step]}"


def _number(value: int | None) -> str:
    return _UNKNOWN if value is None else f"{value:,}"


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _width() -> int:
    """Return where lines are folded: at the terminal's width; in a pipe nowhere."""
    return get_terminal_size().columns if sys.stdout.isatty() else 100_000
