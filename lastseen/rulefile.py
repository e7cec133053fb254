"""One file of ``rules/``: what its header says."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from string import Formatter
from typing import TypeVar

from lastseen import sqlfile
from lastseen.causes import CAUSES
from lastseen.errors import Problem, UserError
from lastseen.options import SEVERITIES
from lastseen.period import Cron, every, period
from lastseen.project import Project
from lastseen.sqlfile import SqlFile

T = TypeVar("T")
REQUIRED = ("title", "severity", "window", "alert")
FIELDS = (*REQUIRED, "explains", "needs", "strength", "runs", "every", "together", "rows", "key")
STRENGTHS = {"weak": 0.4, "fair": 0.7, "strong": 1.0}
"""How much a finding by itself proves of the cause that its rule explains."""
WHEN_ASKED = "when asked"
"""What ``runs:`` may say: only ``lastseen why`` runs the rule, or who names it."""
EVERY = "5 minutes"
"""How often a rule runs that does not say."""


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
    needs: tuple[tuple[str, ...], ...] = ()
    """Tables that must have been collected for its silence to mean something: one of each tuple."""
    when_asked: bool = False
    """Whether it says how a host is, which is no trouble by itself."""
    strength: str = "strong"
    """How much a finding proves of the cause: strong where it states it, fair where it fits, weak for a hint."""
    key: tuple[str, ...] | None = None
    """Columns that, with the host, tell one trouble from another; None where the rule does not say."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name


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
    strength = file.fields.get("strength", "strong")
    if strength not in STRENGTHS:
        raise UserError(
            f'{file.at("strength")}: strength is one of {", ".join(STRENGTHS)}; it is "{strength}"'
        )
    runs = file.fields.get("runs", WHEN_ASKED)
    if runs != WHEN_ASKED:
        raise UserError(f'{file.at("runs")}: runs is "{WHEN_ASKED}", or left out; it is "{runs}"')
    return Rule(
        file, file["title"], file["severity"], _read(file, "window", period), file["alert"], explains,
        file.fields.get("together"), file.fields.get("rows"), _read(file, "every", every, EVERY),
        needs(file.fields.get("needs", "")), "runs" in file.fields, strength, _key(file.fields.get("key")),
    )  # fmt: skip


def _key(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(name.strip() for name in text.split(","))


def needs(text: str) -> tuple[tuple[str, ...], ...]:
    """Split ``needs:`` into its tables: all that commas part, one of what bars part.

    >>> needs("fleet_hosts, nginx_access | alb_access")
    (('fleet_hosts',), ('nginx_access', 'alb_access'))
    """
    alternatives = [tuple(map(str.strip, part.split("|"))) for part in text.split(",")]
    return tuple(names for names in alternatives if any(names))


def _read(file: SqlFile, field: str, read: Callable[[str], T], default: str | None = None) -> T:
    """Read a field's value; what is wrong with it is told with its line."""
    text = file[field] if default is None else file.fields.get(field, default)
    try:
        return read(text)
    except UserError as error:
        raise UserError(f"{file.at(field)}: {error}") from None


def behind(rows: str) -> tuple[str, list[str] | None]:
    """Split ``rows:`` into the view and the columns that a finding shares with its rows; None is all there are.

    >>> behind("certificate_errors (host, purpose)"), behind("gaps")
    (('certificate_errors', ['host', 'purpose']), ('gaps', None))
    """
    view, bracket, columns = rows.partition("(")
    shared = [column.strip() for column in columns.strip().removesuffix(")").split(",")]
    return view.strip(), shared if bracket else None


def problems(file: SqlFile) -> Iterator[Problem]:
    """Yield what is wrong with a rule's header, all of it."""
    yield from sqlfile.problems(file, FIELDS, REQUIRED)
    for place, *_ in Formatter().parse(file.fields.get("alert", "")):
        if re.search(r"[\r\n]", place):
            yield Problem(file.path, file.field_lines["alert"], "alert is one line")
