"""What `soak.py` finds afterwards: each line counted in the lake, and how the journal and the scheduler did."""

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
from kill import unreadable
from soak_scheduler import STRANGE, Scheduler
from soak_sides import Outage, Side

from lastseen.lake import Lake

GROWTH_MB = 10.0
"""By so much may the scheduler grow after its first minute,"""
GROWTH_FILES = 20
"""and by so many its open files: each process that it runs has a few."""
HOSTS = 100
"""Hosts of the Fleet server."""
_SHOWN = 5
KILLED = "was killed by SIGKILL"
"""What the journal says of a run that was killed."""
_COLUMNS = {
    "fleet_activities": r"regexp_extract(message, 'fleet \d+ end')",
    "fleet_commands": "command_uuid",
}
"""Where a line's number stands, if not in the message."""


def judged(
    root: Path, sides: Sequence[Side], outages: Sequence[Outage], scheduler: Scheduler
) -> tuple[list[list[object]], list[object], list[str]]:
    """Return a row for each source, one about the scheduler, and all that is wrong."""
    lake = Lake(root / "lake")
    found = {name: _texts(lake, name) for side in sides for name in side.wanted()}
    rejects = _texts(lake, "rejects", "text")
    problems = [*_foreign(sides, found, rejects), *unreadable(lake), *_snapshots(lake)]
    rows = []
    for side in sides:
        counts, wrong = _counted(side, found, rejects)
        rows.append([side.name, *counts, *_journal(root, side, outages)])
        problems += wrong
    last, wrong = _scheduler(scheduler)
    return rows, last, problems + wrong


def _texts(lake: Lake, table: str, column: str = "") -> Counter[str]:
    """Return a column of a table, read by a DuckDB that knows nothing of lastseen."""
    files = lake.files(table)
    if not files:
        return Counter()
    wanted = column or _COLUMNS.get(table, "message")
    with duckdb.connect() as con:
        query = f"select {wanted} from read_parquet({files!r}, union_by_name = true)"
        return Counter(text for (text,) in con.execute(query).fetchall())


def _foreign(
    sides: Sequence[Side], found: dict[str, Counter[str]], rejects: Counter[str]
) -> Iterator[str]:
    """Yield what is there though nobody wrote it."""
    for table, texts in found.items():
        wanted = {text for side in sides for text in side.wanted().get(table, ())}
        if odd := [text for text in texts if text not in wanted]:
            yield f"{table}: {len(odd)} that nobody wrote: {odd[:_SHOWN]}"
    broken = {text for side in sides for text in side.broken}
    if odd := [text for text in rejects if text not in broken]:
        yield f"rejects: {len(odd)} that were not broken: {odd[:_SHOWN]}"


def _counted(
    side: Side, found: dict[str, Counter[str]], rejects: Counter[str]
) -> tuple[list[object], list[str]]:
    """Return how many lines a source had, were lost and repeated; the same of its broken ones; what is wrong."""
    tables = [
        *((wanted, found[table]) for table, wanted in side.wanted().items()),
        (side.broken, rejects),
    ]
    lost = [(wanted - there).total() for wanted, there in tables]
    more = [sum(there[text] - 1 for text in wanted if there[text] > 1) for wanted, there in tables]
    lines = sum(wanted.total() for wanted, _ in tables[:-1])
    counts: list[object] = [
        lines, sum(lost[:-1]), sum(more[:-1]), side.broken.total(), lost[-1], more[-1],
    ]  # fmt: skip
    problems = []
    for wanted, there in tables:
        wrong = [text for text in wanted if there[text] != 1]
        problems += [f"{side.name}: {there[text]} times: {text}" for text in wrong[:_SHOWN]]
    return counts, problems


def _snapshots(lake: Lake) -> Iterator[str]:
    """Yield where a host stands twice in one snapshot, or is missing from all."""
    for table in ("fleet_hosts", "fleet_profiles"):
        files = lake.files(table)
        with duckdb.connect() as con:
            query = (
                "select count(*) - count(distinct (ts, host)), count(distinct host) "
                f"from read_parquet({files!r}, union_by_name = true)"
            )
            twice, hosts = con.execute(query).fetchall()[0] if files else (0, 0)
        if twice or hosts != HOSTS:
            yield f"{table}: {twice} rows repeated, {hosts} hosts of {HOSTS}"


def _journal(root: Path, side: Side, outages: Sequence[Outage]) -> list[object]:
    """Return of a source: its pulls, those that failed, the slowest, its outages, how soon they were told and over."""
    query = "select started, finished, problem from run where kind = 'pull' and name = ? order by finished"
    with sqlite3.connect(root / "lastseen.sqlite") as db:
        found = db.execute(query, (side.name,)).fetchall()
    db.close()
    runs = [(started / 1e6, finished / 1e6, problem) for started, finished, problem in found]
    told, well = [], []
    mine = [outage for outage in outages if outage.side is side]
    for one in mine:
        # A run that was killed says nothing of the source; status is judged without those, too.
        ended = next((run for run in runs if run[1] > one.began and run[2]), None)
        good = next((run for run in runs if run[0] > one.ended), None)
        if ended and ended[2] != KILLED:
            told.append(ended[1] - one.began)
        if good and not good[2]:
            well.append(good[1] - one.ended)
    failures = sum(problem is not None for *_, problem in runs)
    slowest = max((end - start for start, end, _ in runs), default=0.0)
    return [len(runs), failures, f"{slowest:.0f}", len(mine), _most(told), _most(well)]


def _most(seconds: Sequence[float]) -> str:
    return f"{max(seconds):.0f}" if seconds else "-"


def _scheduler(scheduler: Scheduler) -> tuple[list[object], list[str]]:
    """Return the row about it, and what is wrong: a traceback, an exception's name, growth."""
    problems = list(scheduler.problems)
    talk = scheduler.log.read_text(errors="replace")
    strange = [
        line for line in STRANGE.findall(talk) if not line[20:].strip().startswith("error: ")
    ]
    problems += [f"the scheduler told: {line}" for line in dict.fromkeys(strange)]
    longest = max(scheduler.lives, key=lambda life: len(life.memory_mb))
    first = min(4, len(longest.files) // 2)
    memory, files = longest.memory_mb[first:] or [0.0], longest.files[first:] or [0]
    if memory[-1] - memory[0] > GROWTH_MB:
        problems.append(f"the scheduler grew: {longest.memory_mb}")
    if files[-1] - files[0] > GROWTH_FILES:
        problems.append(f"the scheduler holds ever more files: {longest.files}")
    done = ", ".join(f"{count} {what}" for what, count in sorted(scheduler.done.items()))
    row: list[object] = [
        done, f"{scheduler.slowest_end:.1f}", f"{memory[0]:.0f} → {memory[-1]:.0f}",
        f"{files[0]} → {files[-1]}",
    ]  # fmt: skip
    return row, problems
