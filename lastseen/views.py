"""The lake's tables as DuckDB views, and over them the views that rules share."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lastseen import coverage, database, sqlfile
from lastseen.accounting import REJECT_SCHEMA
from lastseen.errors import Problem, UserError
from lastseen.lake import COVERAGE, REJECTS, Lake
from lastseen.parquet import DAY
from lastseen.project import Project
from lastseen.settings import Policy, Settings
from lastseen.sqlfile import SqlFile

FIELDS = ("title",)


@dataclass(frozen=True)
class Window:
    """The span a query looks at: from ``since``, up to but without ``until``, both UTC."""

    since: datetime
    until: datetime


class Views:
    """A database over a lake: a view for each table, ``events``, the policy, and ``rules/views``."""

    def __init__(
        self, project: Project, lake: Lake, settings: Settings, schemas: Mapping[str, Any], now: datetime
    ) -> None:
        """Open the lake as it is now.

        Args:
            project: Whose ``rules/views`` to use.
            lake: What to read.
            settings: For the policy.
            schemas: The Arrow schema of each format's table; one that is not in the lake is an empty view.
            now: The latest moment that queries may know of.
        """
        self.con = database.connect()
        self.files: list[str] = []
        self._lake = lake
        self._schemas = {
            **schemas,
            **{name: _schema(lake, name) for name in lake.tables() if name not in schemas},
            REJECTS: _without_day(REJECT_SCHEMA),
            COVERAGE: _without_day(coverage.SCHEMA),
        }
        self.now = now
        self.con.register("policy", policy_table(settings))
        self.window(Window(now - timedelta(days=1), now))
        for name in self._schemas:
            self._table(name)
        self._events([name for name in self._schemas if name not in (REJECTS, COVERAGE)])
        self._shared(project)

    def window(self, window: Window) -> None:
        """Set what queries see with ``getvariable('since')``, ``('until')`` and ``('now')``."""
        database.set_variables(self.con, {"since": window.since, "until": window.until, "now": self.now})

    def _table(self, name: str) -> None:
        """Make the view of one table; columns that files or the table lack are NULL."""
        wanted = self._schemas[name]
        there = self._lake.schema(name)
        files = self._lake.files(name) if there is not None else []
        self.files += files
        if not files or there is None:
            self.con.register(f"empty_{name}", wanted.empty_table())
            source, have = f"empty_{name}", set(wanted.names)
        else:
            source = f"read_parquet({database.literal(files)}, union_by_name = true, hive_partitioning = false)"
            have = set(self.con.sql(f"from {source} limit 0").columns)
        extra = [column for column in (there or wanted) if column.name not in wanted.names]
        columns = ", ".join(
            database.name(c.name) if c.name in have else f"cast(null as {_sql_type(c.type)}) as {database.name(c.name)}"
            for c in [*wanted, *extra]
        )
        self.con.execute(f"create view {database.name(name)} as select {columns} from {source}")

    def _events(self, names: list[str]) -> None:
        """Make ``events``: every log table's common columns, and which table a row is from."""
        common = "ts, host, emitter, level, process, message, file, line"
        parts = [f"select {database.literal(n)} as \"table\", {common} from {database.name(n)}" for n in names]
        self.con.execute(f"create view events as {' union all '.join(parts)}")

    def _shared(self, project: Project) -> None:
        """Make the views of ``rules/views``, each after those it reads."""
        waiting = {path.stem: sqlfile.read(path) for path in project.content("rules/views", "*.sql").values()}
        while waiting:
            failed: dict[str, UserError] = {}
            for name, file in list(waiting.items()):
                try:
                    self.con.execute(f"create view {database.name(name)} as {file.query}")
                    del waiting[name]
                except duckdb.Error as error:
                    failed[name] = UserError(f"{file.path}:{file.query_line}: {error}")
            if len(failed) == len(waiting) and failed:
                raise next(iter(failed.values()))

    def close(self) -> None:
        """Close the database."""
        self.con.close()

    def __enter__(self) -> "Views":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def policy_table(settings: Settings) -> Any:  # noqa: ANN401 - pyarrow ships no types
    """Return the policy as a table: a row a scope, `all`, `platform` or `host`; NULL where it says nothing."""
    names = [f.name for f in fields(Policy)]
    whole = {name: getattr(Policy(), name) for name in names} | dict(settings.policy)
    rows: list[dict[str, Any]] = [{"scope": "all", "name": None} | whole]
    rows += [{"scope": "platform", "name": name} | dict(spans) for name, spans in settings.platforms.items()]
    rows += [{"scope": "host", "name": name} | dict(spans) for name, spans in settings.hosts.items()]
    columns = {"scope": pa.string(), "name": pa.string()} | dict.fromkeys(names, pa.duration("us"))
    return pa.table({key: pa.array([row.get(key) for row in rows], kind) for key, kind in columns.items()})


def view_problems(file: SqlFile) -> list[Problem]:
    """Return what is wrong with a shared view's header."""
    return list(sqlfile.problems(file, FIELDS, FIELDS))


def spill(project: Project) -> Path:
    """Return where queries may spill what is over their memory limit."""
    return project.root / ".lastseen.tmp"


def _schema(lake: Lake, name: str) -> Any:  # noqa: ANN401 - pyarrow ships no types
    return lake.schema(name)


def _without_day(schema: Any) -> Any:  # noqa: ANN401 - pyarrow ships no types
    return pa.schema([column for column in schema if column.name != DAY])


def _sql_type(kind: Any) -> str:  # noqa: ANN401 - pyarrow ships no types
    """Return DuckDB's name of an Arrow type."""
    with database.connect() as con:
        con.register("typed", pa.table({"x": pa.array([], kind)}))
        return str(con.sql("from typed").types[0])
