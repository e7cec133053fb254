"""Reads ``rules/``; a rule over its window gives findings."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from string import Formatter
from typing import Any, TypeVar

import duckdb

from lastseen import database, sqlfile
from lastseen.errors import Problem, UserError
from lastseen.options import SEVERITIES
from lastseen.period import Cron, every, period, spell
from lastseen.project import Project
from lastseen.sqlfile import SqlFile
from lastseen.views import Views, Window

T = TypeVar("T")
REQUIRED = ("title", "severity", "window", "alert")
FIELDS = (*REQUIRED, "explains", "every", "together", "rows")
CAUSES = (
    "enrollment-pending", "mdm-off", "host-offline", "host-asleep", "network", "agent-crash-loop",
    "osquery-stalled", "mdm-channel", "push-certificate", "identity-certificate", "tls-trust",
    "lock-contention", "request-storm", "not-now", "queue-blocked", "command-failed", "declaration-stuck",
    "verification-stalled", "server-error", "clock-skew", "collection-gap",
)  # fmt: skip
EVERY = "5 minutes"
"""How often a rule runs that does not say."""
COLUMNS = ("host", "since", "until")
"""What every rule's query returns; any other column is evidence."""


@dataclass(frozen=True)
class Rule:
    """A query that returns what is wrong."""

    source: SqlFile
    title: str
    severity: str
    window: timedelta
    """How far back it looks."""
    alert: str
    """One line for a person, with ``{column}`` for what the query returns."""
    explains: str | None
    """The cause that its findings are evidence of."""
    together: str | None = None
    """A clause for several findings at once, as the first sentence of a report has it."""
    rows: str | None = None
    """The view or table that holds the rows behind a finding; in brackets, the columns that they share with it."""
    every: timedelta | Cron = timedelta(minutes=5)
    """How often it is worth running."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name


@dataclass(frozen=True)
class Finding:
    """One row that a rule returned."""

    rule: str
    severity: str
    title: str
    host: str | None
    """None is the server, or the whole fleet."""
    since: datetime
    until: datetime
    summary: str
    evidence: Mapping[str, Any]
    prose: str = ""
    """What the rule's file says: why it matters, what is harmless, what to look at first."""
    explains: str | None = None
    together: str | None = None
    """See ``Rule.together``."""
    rows: str | None = None
    """See ``Rule.rows``."""

    @property
    def key(self) -> tuple[str, str | None]:
        """What makes it the same trouble as another night's finding."""
        return self.rule, self.host


def load(project: Project) -> dict[str, Rule]:
    """Read every rule of a project.

    Raises:
        UserError: a rule's header is wrong.
    """
    return {
        path.stem: parse(sqlfile.read(path)) for path in project.content("rules", "*.sql").values()
    }


def parse(file: SqlFile) -> Rule:
    """Make a rule of its file.

    Raises:
        UserError: a field is missing or has no such value.
    """
    if file["severity"] not in SEVERITIES:
        raise UserError(
            f'{file.at("severity")}: severity is one of {", ".join(SEVERITIES)}; it is "{file["severity"]}"'
        )
    explains = file.fields.get("explains")
    if explains is not None and explains not in CAUSES:
        raise UserError(
            f'{file.at("explains")}: no cause is called "{explains}"; causes are {", ".join(CAUSES)}'
        )
    return Rule(
        file, file["title"], file["severity"], _read(file, "window", period), file["alert"], explains,
        file.fields.get("together"), file.fields.get("rows"), _read(file, "every", every, EVERY),
    )  # fmt: skip


def _read(file: SqlFile, field: str, read: Callable[[str], T], default: str | None = None) -> T:
    """Read a field's value; what is wrong with it is told with its line."""
    text = file[field] if default is None else file.fields.get(field, default)
    try:
        return read(text)
    except UserError as error:
        raise UserError(f"{file.at(field)}: {error}") from None


def check(
    views: Views, rules: Mapping[str, Rule], until: datetime, since: datetime | None = None
) -> list[Finding]:
    """Run rules up to a moment, the worst findings first.

    Args:
        views: The database they run in.
        rules: By name.
        until: The moment that they judge at, UTC.
        since: Look back to here, where that is further than a rule's own window.

    Raises:
        UserError: a rule does not run.
    """
    found: list[Finding] = []
    for rule in sorted(rules.values(), key=lambda rule: rule.window):
        own = until - rule.window
        views.window(Window(min(own, since) if since else own, until))
        views.settle(one.source.query for one in rules.values() if one.window == rule.window)
        found += run(views, rule)
    return sorted(
        found, key=lambda f: (-SEVERITIES.index(f.severity), f.rule, f.since, f.host or "")
    )


def run(views: Views, rule: Rule) -> Iterator[Finding]:
    """Yield what one rule finds in the window that is set.

    Raises:
        UserError: its query does not run, or lacks a column.
    """
    place = f"{rule.source.path}:{rule.source.query_line}"
    try:
        result = views.con.sql(rule.source.query)
        columns = result.columns
        rows = database.rows(result.to_arrow_table())
    except duckdb.Error as error:
        raise views.trouble(error) or UserError(f"{place}: {error}") from None
    if missing := [column for column in COLUMNS if column not in columns]:
        raise UserError(f"{place}: the query must return {', '.join(missing)}")
    for row in rows:
        evidence = {key: value for key, value in row.items() if key not in COLUMNS}
        yield Finding(
            rule.name, rule.severity, rule.title, row["host"], row["since"], row["until"],
            summary(rule, row), evidence, rule.source.prose, rule.explains, rule.together, rule.rows,
        )  # fmt: skip


def bind(views: Views, rule: Rule) -> list[str]:
    """See whether a rule could run; return the columns of its query.

    Raises:
        UserError: its query does not bind, lacks a column, or its header names what is not there.
    """
    place = f"{rule.source.path}:{rule.source.query_line}"
    try:
        columns = views.con.sql(rule.source.query).columns
    except duckdb.Error as error:
        raise UserError(f"{place}: {error}") from None
    if missing := [column for column in COLUMNS if column not in columns]:
        raise UserError(f"{place}: the query must return {', '.join(missing)}")
    summary(rule, dict.fromkeys(columns))
    if rule.rows is not None:
        try:
            view, shared = behind(rule.rows)
            wanted = ", ".join(map(database.name, shared or [])) or "*"
            views.con.sql(f"select {wanted} from {database.name(view)} limit 0")
        except duckdb.Error as error:
            raise UserError(f"{rule.source.at('rows')}: {error}") from None
    return list(columns)


def behind(rows: str) -> tuple[str, list[str] | None]:
    """Split ``rows:`` into the view and the columns that a finding shares with its rows; None is all there are.

    >>> behind("certificate_errors (host, purpose)"), behind("gaps")
    (('certificate_errors', ['host', 'purpose']), ('gaps', None))
    """
    view, bracket, columns = rows.partition("(")
    shared = [column.strip() for column in columns.strip().removesuffix(")").split(",")]
    return view.strip(), shared if bracket else None


def report(now: datetime, found: Sequence[Finding], views: Views) -> dict[str, Any]:
    """Return findings and coverage as ``check --json`` prints them."""
    covered = database.rows(
        views.con.sql("from covered order by format, emitter, since").to_arrow_table()
    )
    named = ("rule", "severity", "host", "since", "until", "summary", "evidence")
    return {
        "now": now,
        "findings": [{name: getattr(finding, name) for name in named} for finding in found],
        "coverage": {"newest": views.newest(), "spans": covered},
    }


def gaps(views: Views, since: datetime, until: datetime, host: str | None) -> list[dict[str, Any]]:
    """Return the heartbeat gaps of a window, of one host or of all.

    Raises:
        UserError: nobody knows the host.
    """
    views.window(Window(since, until))
    where = ""
    if host is not None:
        where = f"where host = ({_resolved(views, host)})"
    return list(
        database.rows(views.con.sql(f"from gaps {where} order by host, since").to_arrow_table())
    )


def _resolved(views: Views, host: str) -> str:
    """Return a query of the host that a name means.

    Raises:
        UserError: nobody knows it.
    """
    names = [row[0] for row in views.con.execute("select distinct alias from aliases").fetchall()]
    if host.lower() in names:
        return f"select host from aliases where alias = {database.literal(host.lower())}"
    near = get_close_matches(host.lower(), names, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else "; `lastseen sql 'from hosts'` lists them"
    raise UserError(f'no host is called "{host}"{hint}')


def summary(rule: Rule, row: Mapping[str, Any]) -> str:
    """Write a finding's line.

    Raises:
        UserError: the rule's ``alert`` names a column that its query does not return.
    """
    values = {
        key: "the server" if key == "host" and value is None else word(value)
        for key, value in row.items()
    }
    try:
        return rule.alert.format_map(values)
    except KeyError as error:
        raise UserError(
            f"{rule.source.at('alert')}: alert names {error}, which the query does not return"
        ) from None


def word(value: object) -> str:
    """Write a value inside a sentence."""
    if isinstance(value, datetime):
        return value.strftime("%H:%M") + " UTC"
    if isinstance(value, timedelta):
        return spell(value)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "?" if value is None else str(value)


def problems(file: SqlFile) -> Iterator[Problem]:
    """Yield what is wrong with a rule's header, all of it."""
    yield from sqlfile.problems(file, FIELDS, REQUIRED)
    for place, *_ in Formatter().parse(file.fields.get("alert", "")):
        if re.search(r"[\r\n]", place):
            yield Problem(file.path, file.field_lines["alert"], "alert is one line")
