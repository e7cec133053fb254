"""A rule over its window gives findings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

import duckdb

from lastseen import database, hostnames
from lastseen.errors import UserError
from lastseen.options import SEVERITIES
from lastseen.period import spell
from lastseen.rulefile import Rule, behind
from lastseen.views import Views, Window

COLUMNS = ("host", "since", "until")
"""What every rule's query returns; any other column is evidence."""


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
            rule.name, rule.severity, rule.title, row["host"],
            row["since"] or row["until"] or views.now, row["until"] or views.now,
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
    if missing := [column for column in rule.key or () if column not in columns]:
        raise UserError(
            f"{rule.source.at('key')}: the query does not return {', '.join(missing)}, which key names"
        )
    known = {row[0] for row in views.con.execute("show tables").fetchall()}
    for name in (name for names in rule.needs for name in names if name not in known):
        near = get_close_matches(name, known, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise UserError(f'{rule.source.at("needs")}: there is no table "{name}"{hint}')
    if rule.rows is not None:
        try:
            view, shared = behind(rule.rows)
            wanted = ", ".join(map(database.name, shared or [])) or "*"
            views.con.sql(f"select {wanted} from {database.name(view)} limit 0")
        except duckdb.Error as error:
            raise UserError(f"{rule.source.at('rows')}: {error}") from None
    return list(columns)


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
    views.settle(["from gaps join aliases"])
    where = ""
    if host is not None:
        where = f"where host = {database.literal(hostnames.resolve(views, host))}"
    return list(
        database.rows(views.con.sql(f"from gaps {where} order by host, since").to_arrow_table())
    )


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
