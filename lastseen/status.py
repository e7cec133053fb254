"""How a project stands: its sources, what of each format there is, its jobs, its disk. Reads, and locks nothing."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from lastseen import database, disk, source_states, state
from lastseen.disk import Disk
from lastseen.lake import COVERAGE, REJECTS, damaged
from lastseen.parquet import DAY
from lastseen.period import Cron, every
from lastseen.rhythm import following
from lastseen.rulefile import EVERY
from lastseen.source_states import SourceState
from lastseen.sqlfile import read
from lastseen.state import State, stamp
from lastseen.workspace import Workspace

LOOK = timedelta(hours=24)
"""What "the last day" is."""
ON_TIME, FAILING, LATE, NEVER = "on time", "failing", "late", "never pulled"


@dataclass(frozen=True)
class SetAside:
    """A unit of the spool that nothing could read."""

    file: Path
    problem: str


@dataclass(frozen=True)
class SourceStatus:
    """A source, and what it brought; None is unknown."""

    now: datetime
    known: SourceState
    rows_day: int | None
    """Rows of all pulls of the last day."""
    newest: datetime | None
    """The newest event that it brought, as far as its pulls noted it."""
    waiting: int
    """Units in the spool that are not read yet."""
    set_aside: Sequence[SetAside]

    @property
    def name(self) -> str:
        """The source's name."""
        return self.known.source.name

    @property
    def standing(self) -> str:
        """On time; failing, though not late yet; late; or never pulled."""
        if self.known.last is None:
            return NEVER
        if self.known.late(self.now):
            return LATE
        return FAILING if self.known.last.problem else ON_TIME

    @property
    def lag(self) -> timedelta | None:
        """How old the newest event is that it brought."""
        return self.now - self.newest if self.newest else None

    def of_last(self, key: str) -> Any:
        """Return what the last run noted under a key."""
        return self.known.last.detail.get(key) if self.known.last else None


@dataclass(frozen=True)
class FormatStatus:
    """What there is of one format."""

    format: str | None
    """None holds what nothing could read."""
    newest: datetime | None
    hours: int
    """Hours of the last 24 from which there is an event."""
    rejects: int
    rejects_day: int
    """Those of the last day."""


@dataclass(frozen=True)
class JobStatus:
    """A rule, a report or the tidying, as it last ran."""

    kind: str
    name: str
    last: datetime | None
    next: datetime | None
    problem: str | None


@dataclass(frozen=True)
class Status:
    """How a project stands at a moment."""

    now: datetime
    sources: Sequence[SourceStatus]
    formats: Sequence[FormatStatus]
    jobs: Sequence[JobStatus]
    strays: Mapping[str, int]
    """Units in the spool of sources that lastseen.toml does not have (any more), by source."""
    disk: Disk

    @property
    def late(self) -> list[SourceStatus]:
        """Sources that are not on time."""
        return [one for one in self.sources if one.standing != ON_TIME]

    @property
    def failed(self) -> list[JobStatus]:
        """Jobs whose last run failed."""
        return [one for one in self.jobs if one.problem]


def gather(space: Workspace, now: datetime) -> Status:
    """Look at everything; runs and events after the moment are not seen, the disk is as it is at present.

    Raises:
        UserError: lastseen.toml, the state or the lake cannot be read.
    """
    with state.look(space.project.state) as known:
        states = source_states.read(known, space.settings.sources, now)
        units = _units(known, space.project.spool)
        sources = [_source(known, one, units.pop(one.source.name, ([], 0)), now) for one in states]
        jobs = list(_jobs(space, known, now))
    files = {name: space.lake.files(name) for name in space.lake.tables()}
    days: dict[date, int] = defaultdict(int)
    for paths in files.values():
        for path in paths:
            days[_day(path)] += os.stat(path).st_size  # noqa: PTH116 - many files
    measured = disk.measure(
        space.project.root,
        space.lake.path,
        space.project.spool,
        days,
        now.date(),
        space.settings.keep,
    )
    strays = {name: len(aside) + waiting for name, (aside, waiting) in units.items()}
    return Status(now, sources, _formats(space, files, now), jobs, strays, measured)


def _units(known: State, spool: Path) -> dict[str, tuple[list[SetAside], int]]:
    """Return, by source, the units that nothing could read, and how many wait."""
    found: dict[str, tuple[list[SetAside], int]] = {}
    query = "select source, file, problem from unit order by source, number"
    for source, file, problem in known.db.execute(query):
        aside, waiting = found.get(source, ([], 0))
        if problem is not None:
            aside.append(SetAside(spool / source / file, problem))
        found[source] = aside, waiting + (problem is None)
    return found


def _source(
    known: State, one: SourceState, units: tuple[list[SetAside], int], now: datetime
) -> SourceStatus:
    window = (one.source.name, stamp(now - LOOK), stamp(now))
    rows, newest = known.db.execute(
        "select sum(json_extract(detail, '$.rows')), max(json_extract(detail, '$.newest')) "
        "from run where kind = 'pull' and name = ? and finished > ? and finished <= ?",
        window,
    ).fetchone()
    if newest is None:
        (newest,) = known.db.execute(
            "select max(json_extract(detail, '$.newest')) from (select detail from run "
            "where kind = 'pull' and name = ? and finished <= ? and json_extract(detail, '$.rows') > 0 "
            "order by finished desc limit 1)",
            (one.source.name, stamp(now)),
        ).fetchone()
    when = datetime.fromisoformat(newest) if newest else None
    return SourceStatus(now, one, rows, when, units[1], units[0])


def _jobs(space: Workspace, known: State, now: datetime) -> Iterator[JobStatus]:
    """Yield the jobs besides pulls; a rule that never ran by itself is none."""
    rhythms = {("report", name): one.rhythm for name, one in space.settings.reports.items()}
    rhythms["tidy", "tidy"] = space.settings.schedule.tidy
    for path in space.project.content("rules", "*.sql").values():
        rhythms["rule", path.stem] = _rhythm(path)
    for (kind, name), rhythm in sorted(rhythms.items()):
        last = known.last(kind, name, until=now)
        if last or kind != "rule":
            coming = following(rhythm, last.started if last else now)
            finished = last.finished if last else None
            yield JobStatus(kind, name, finished, coming, last.problem if last else None)


def _rhythm(path: Path) -> timedelta | Cron:
    return every(read(path).fields.get("every", EVERY))


def _formats(
    space: Workspace, files: Mapping[str, Sequence[str]], now: datetime
) -> list[FormatStatus]:
    """Return what there is of each format, by name; what nothing could read comes last."""
    with database.connect() as con:
        try:
            rejects = _rejects(con, files.get(REJECTS, ()), now)
            covered = _covered(con, files.get(COVERAGE, ()), now)
            names = sorted(filter(None, (files.keys() | rejects.keys()) - {REJECTS, COVERAGE}))
            found = []
            for name in [*names, *([None] if None in rejects else [])]:
                newest, hours = _recent(con, files.get(name, ()) if name else (), now)
                found.append(
                    FormatStatus(
                        name, newest or covered.get(name), hours, *rejects.get(name, (0, 0))
                    )
                )
        except duckdb.Error as error:
            raise damaged(space.lake.path, error) from None
    return found


def _recent(
    con: duckdb.DuckDBPyConnection, files: Sequence[str], now: datetime
) -> tuple[datetime | None, int]:
    """Return the newest event of the last day, and from how many of its hours there are any."""
    since = now - LOOK
    recent = [path for path in files if since.date() <= _day(path) <= now.date()]
    if not recent:
        return None, 0
    newest, hours = database.one(
        con,
        "select epoch_us(max(ts)), "
        f"count(distinct divide({stamp(now)} - epoch_us(ts), 3600000000)) "
        f"from {database.parquet(recent)} "
        f"where ts > {database.literal(since)} and ts <= {database.literal(now)}",
    )
    return state.moment(newest) if newest is not None else None, hours


def _covered(
    con: duckdb.DuckDBPyConnection, files: Sequence[str], now: datetime
) -> dict[str | None, datetime]:
    """Return the newest event of each format, by what was noted when it was read."""
    if not files:
        return {}
    until = database.literal(now)
    rows = con.execute(
        f"select format, epoch_us(max(until)) from {database.parquet(list(files))} "
        f"where until <= {until} and ts <= {until} group by format"
    ).fetchall()
    return {form: state.moment(newest) for form, newest in rows}


def _rejects(
    con: duckdb.DuckDBPyConnection, files: Sequence[str], now: datetime
) -> dict[str | None, tuple[int, int]]:
    """Return the rejects of each format: of all time, and of the last day."""
    if not files:
        return {}
    rows = con.execute(
        f"select format, count(*), count(*) filter (ts > {database.literal(now - LOOK)}) "
        f"from {database.parquet(list(files))} where ts <= {database.literal(now)} group by format"
    ).fetchall()
    return {form: (whole, today) for form, whole, today in rows}


def _day(path: str) -> date:
    return date.fromisoformat(Path(path).parent.name.removeprefix(f"{DAY}="))
