"""The lake's tables as DuckDB views, and over them the views that rules share."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow as pa

from lastseen import coverage, database, policy, source_states, sqlfile, state, templates
from lastseen.columns import REJECT_SCHEMA, agree
from lastseen.errors import UserError
from lastseen.lake import COVERAGE, REJECTS, Lake, damaged
from lastseen.parquet import DAY
from lastseen.project import Project
from lastseen.settings import Settings
from lastseen.sqlfile import SqlFile

REQUIRED = ("title",)
FIELDS = (*REQUIRED, "once")
_READ = re.compile(r"\b(?:from|join)\s+(\w+)")
_WORD = re.compile(r"\w+")
_WHEN = re.compile(r"(?i)getvariable(?!\('(?:until|now)'\))")
"""Asks, or may ask, when the window begins."""


@dataclass(frozen=True)
class Window:
    """The span a query looks at: from ``since``, up to but without ``until``, both UTC."""

    since: datetime
    until: datetime


class Views:
    """A database over a lake: a view for each table, ``events``, the policy, and ``rules/views``."""

    def __init__(  # noqa: PLR0913 - what there is, and what is asked of it
        self,
        project: Project,
        lake: Lake,
        settings: Settings,
        schemas: Mapping[str, Any],
        now: datetime,
        since: datetime | None = None,
        *,
        reading: Iterable[str] | None = None,
    ) -> None:
        """Open the lake as it is now.

        Args:
            project: Whose ``rules/views`` to use.
            lake: What to read.
            settings: For the policy.
            schemas: The Arrow schema of each format's table; one that is not in the lake is an empty view.
            now: The latest moment that queries may know of.
            since: Days before this one are left out; None reads all there are.
            reading: The queries that will be asked, so that no other shared view need be made; None is any.
        """
        self.con = database.connect()
        templates.register(self.con)
        self.files: list[str] = []
        """The Parquet files that the views read."""
        self.script: list[str] = []
        """The statements that made the views, for another DuckDB to run."""
        self.now = now
        self._lake = lake
        self._logs: set[str] = set()
        self._queries: dict[str, str] = {}
        """The shared views, each after those that it reads."""
        self._hidden: list[str] = []
        self._once: list[str] = []
        self._settled: list[str] = []
        self._since_read: set[str] = set()
        """The shared views that say something else in a window that begins at another time."""
        self._window: Window | None = None
        self._since = since.date() if since else None
        self._make("policy", policy.query(settings))
        self._make("expectations", policy.expectations(settings, since, now))
        self._tables(lake, schemas)
        self._states = project.state
        self._sources = settings.sources
        self._make("source_states", self._source_states())
        self.window(Window(now - timedelta(days=1), now))
        self._shared(project, reading)
        self._reveal()

    def window(self, window: Window) -> None:
        """Set what queries see with ``getvariable('since')``, ``('until')`` and ``('now')``."""
        if window == self._window:
            return
        values = {"since": window.since, "until": window.until, "now": self.now}
        database.set_variables(self.con, values)
        same = self._window is not None and window.until == self._window.until
        kept = [name for name in self._settled if same and name not in self._since_read]
        for name in self._settled:
            if name not in kept:
                self.con.execute(f"drop table temp.{database.name(name)}")
        self._window, self._settled = window, kept

    def judge(self, now: datetime) -> None:
        """Look at the lake as from another moment; a window must be set after it."""
        self.now = now
        self._window = None
        self.con.execute(
            f"create or replace view memory.main.source_states as {self._source_states()}"
        )

    def _source_states(self) -> str:
        """Return the query of how the sources stand."""
        with state.look(self._states) as known:
            return source_states.query(source_states.read(known, self._sources, self.now))

    def settle(self, queries: Iterable[str] | None = None) -> None:
        """Keep what views with `once:` say of the window that is set; others read them many times.

        A temporary table hides the view of its name until the window is another, or only begins at
        another time and the view, or one that it reads, asks when that is.

        Args:
            queries: Only what these read, themselves or through views; None is all.
        """
        wanted = None if queries is None else self._read_by(queries)
        for name in self._once:
            if name not in self._settled and (wanted is None or name in wanted):
                quoted = database.name(name)
                self.con.execute(f"create temp table {quoted} as from memory.main.{quoted}")
                self._settled.append(name)

    def tables(self, query: str) -> set[str]:
        """Return the log tables that a query reads, itself or through views."""
        texts = [query, *(self._queries[name] for name in self._read_by([query]))]
        named = {name for text in texts for name in _READ.findall(text)}
        return self._logs if "events" in named else named & self._logs

    def _read_by(self, queries: Iterable[str]) -> set[str]:
        """Return the shared views that queries read, and those that these read."""
        found: set[str] = set()
        waiting = list(queries)
        while waiting:
            new = set(_READ.findall(waiting.pop())) & self._queries.keys() - found
            found |= new
            waiting += [self._queries[name] for name in new]
        return found

    def newest(self) -> datetime | None:
        """Return the time of the newest line that was collected, in UTC; None where none was."""
        (newest,) = database.one(
            self.con, "select epoch_us(max(until)) from coverage where until <= getvariable('now')"
        )
        return None if newest is None else datetime.fromtimestamp(newest / 1_000_000, UTC)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query of our own; times are UTC."""
        return list(database.rows(self.con.sql(query).to_arrow_table()))

    def trouble(self, error: duckdb.Error) -> UserError | None:
        """Return what to say where a query failed because a file of the lake cannot be read."""
        text = str(error).partition("\n")[0]
        broken = next((path for path in self.files if path in text), None)
        if broken:
            return damaged(Path(broken).parents[1], text)
        # DuckDB names the kind of each error of its own; what its Parquet reader lets through has none.
        return None if re.match(r"[A-Z][\w ]* Error: ", text) else damaged(self._lake.path, text)

    def close(self) -> None:
        """Close the database."""
        self.con.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _tables(self, lake: Lake, schemas: Mapping[str, Any]) -> None:
        """Make the views of each table, and of all logs together."""
        own = {name: lake.schema(name) for name in lake.tables() if name not in schemas}
        mine = {REJECTS: _without_day(REJECT_SCHEMA), COVERAGE: _without_day(coverage.SCHEMA)}
        tables: dict[str, Any] = {**schemas, **own, **mine}
        for name, schema in tables.items():
            self._make(name, self._table(name, schema))
        self._logs = tables.keys() - mine.keys()
        self._make("events", _events([name for name in tables if name in self._logs]))

    def _make(self, name: str, query: str) -> None:
        quoted = database.name(name)
        statement = f"create view {quoted} as {query}"
        try:
            self.con.execute(statement)
            # Until all views are made, an empty table hides this one: DuckDB binds all that a new view reads,
            # and all that those read, and so on down to the files, over and over.
            self.con.execute(f"create temp table {quoted} as from memory.main.{quoted} limit 0")
        except duckdb.Error as error:
            if trouble := self.trouble(error):
                raise trouble from None
            raise
        self.script.append(statement)
        self._hidden.append(name)

    def _reveal(self) -> None:
        """Drop the empty tables that hid the views."""
        drops = [f"drop table temp.{database.name(name)}" for name in self._hidden]
        self.con.execute("; ".join(drops))

    def _table(self, name: str, wanted: Any) -> str:
        """Return the query of one table; columns that the files lack are NULL."""
        table = self._lake.table(name)
        there = self._lake.schema(name, table) if table else None
        if there is not None:
            agree(name, there, wanted)
        columns = wanted if there is None else pa.unify_schemas([wanted, there])
        since = None if name == COVERAGE else self._since  # its days are those of the adding
        files = self._lake.files(name, since, table=table) if table else []
        self.files += files
        kinds = dict(zip(columns.names, self._types(columns), strict=True))
        if not files:
            nothing = ", ".join(
                f"cast(null as {kind}) as {database.name(key)}" for key, kind in kinds.items()
            )
            return f"select {nothing} where false"
        source = f"read_parquet({database.literal(files)}, union_by_name = true, hive_partitioning = false)"
        try:
            have = set(self.con.sql(f"from {source} limit 0").columns)
        except duckdb.Error as error:
            raise self.trouble(error) or damaged(self._lake.path / name, error) from None
        picked = ", ".join(
            database.name(key) if key in have else f"cast(null as {kind}) as {database.name(key)}"
            for key, kind in kinds.items()
        )
        return f"select {picked} from {source}"

    def _types(self, schema: Any) -> list[str]:
        """Return DuckDB's names of Arrow types."""
        self.con.register("typed", schema.empty_table())
        return [str(kind) for kind in self.con.sql("from typed").types]

    def _shared(self, project: Project, reading: Iterable[str] | None) -> None:
        """Make the views of ``rules/views``, each after those that it reads."""
        waiting = {
            path.stem: sqlfile.read(path)
            for path in project.content("rules/views", "*.sql").values()
        }
        if reading is not None:
            waiting = _named(waiting, reading)
        while waiting:
            ready = [
                name
                for name, file in waiting.items()
                if not (waiting.keys() - {name}) & set(_READ.findall(file.query))
            ]
            for name in ready or list(waiting):
                file = waiting.pop(name)
                try:
                    self._make(name, file.query)
                except duckdb.Error as error:
                    raise UserError(f"{file.path}:{file.query_line}: {error}") from None
                self._queries[name] = file.query
                self._once += [name] * ("once" in file.fields)
                if _WHEN.search(file.query) or self._since_read & set(_WORD.findall(file.query)):
                    self._since_read.add(name)


def _named(files: Mapping[str, SqlFile], queries: Iterable[str]) -> dict[str, SqlFile]:
    """Return the views whose names stand in queries, and those whose names stand in these, and so on."""
    found: dict[str, SqlFile] = {}
    waiting = list(queries)
    while waiting:
        new = set(_WORD.findall(waiting.pop())) & files.keys() - found.keys()
        found |= {name: files[name] for name in new}
        waiting += [files[name].query for name in new]
    return found


def _events(names: list[str]) -> str:
    """Return the query of ``events``: every log table's common columns, and which table a row is from."""
    common = "ts, host, emitter, level, process, message, file, line"
    return " union all ".join(
        f'select {database.literal(name)} as "table", {common} from {database.name(name)}'
        for name in names
    )


def spill(project: Project) -> Path:
    """Return where queries may spill what is over their memory limit."""
    return project.root / ".lastseen.tmp"


def _without_day(schema: Any) -> Any:
    return pa.schema([column for column in schema if column.name != DAY])
