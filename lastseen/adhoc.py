"""SQL from a user, in a connection that can do nothing but read the lake."""

import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from lastseen import database
from lastseen.errors import UserError
from lastseen.options import MEMORY
from lastseen.views import Views

TIME = timedelta(seconds=60)
_EXPLAIN = re.compile(r"(?is)^\s*explain(\s+analyze)?\s*(\([^)]*\))?\s*")


def lock_down(views: Views, spill: Path, memory: str = MEMORY) -> None:
    """Take from the database of the views all but reading them; there is no way back.

    Raises:
        UserError: the memory limit is none.
    """
    try:
        views.con.execute(f"set memory_limit = {database.literal(memory)}")
    except duckdb.Error as error:
        raise UserError(f"--memory {memory}: {_first_line(error)}") from None
    database.lock_down(views.con, views.files, spill)


def run(views: Views, query: str, limit: timedelta = TIME) -> Any:
    """Run one query that reads; return an Arrow table.

    Raises:
        UserError: it is no such query, or needs too long or too much memory.
    """
    _must_read(views.con, _EXPLAIN.sub("", query))
    timer = threading.Timer(limit.total_seconds(), views.con.interrupt)
    timer.start()
    try:
        # Unfolded, views over views over views take longer to plan than to run.
        views.settle([query])
        return views.con.sql(query).to_arrow_table()
    except duckdb.InterruptException:
        raise UserError(
            f"the query was stopped after {limit.total_seconds():g} s; narrow it by ts, or give --timeout"
        ) from None
    except duckdb.OutOfMemoryException as error:
        raise UserError(
            f"the query needs more memory than it may have: {_first_line(error)}; give --memory"
        ) from None
    except duckdb.Error as error:
        raise views.trouble(error) or UserError(f"{error}") from None
    finally:
        timer.cancel()


def _must_read(con: duckdb.DuckDBPyConnection, query: str) -> None:
    """Refuse all but one query; `explain analyze` runs what it explains, so that is looked at too."""
    try:
        statements = con.extract_statements(query)
    except duckdb.Error as error:
        raise UserError(f"the query does not parse: {error}") from None
    if len(statements) != 1:
        raise UserError(f"one query at a time; this has {len(statements)}")
    if statements[0].type is not duckdb.StatementType.SELECT:
        kind = statements[0].type.name
        raise UserError(
            f"only queries that read are run here, and this is {kind}; begin with select, from or with"
        )


def init_script(views: Views, target: Path) -> Path:
    """Write the SQL that makes the same views in another DuckDB, and return where it is.

    It lists the Parquet files of this moment: make it anew to see what came since.
    """
    text = (
        "-- Views over a lastseen lake; run with: duckdb -init THIS_FILE\nset timezone = 'UTC';\n"
    )
    for name in ("since", "until", "now"):
        (value,) = database.one(views.con, f"select getvariable('{name}')::varchar")
        text += f"set variable {name} = cast({database.literal(value)} as timestamptz);\n"
    text += "".join(f"{statement};\n" for statement in views.script)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return target


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
