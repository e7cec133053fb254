"""The rows behind a finding: what its rule's ``rows:`` names, over the finding's own time."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lastseen import database
from lastseen.errors import UserError
from lastseen.rulefile import behind
from lastseen.rules import Finding
from lastseen.terminal import HARMFUL

Row = dict[str, Any]
Ask = Callable[[str], list[Row]]
"""Runs a query that reads."""


@dataclass(frozen=True)
class Behind:
    """Where the rows behind a finding are."""

    view: str
    columns: Sequence[str]
    same: Mapping[str, str]
    """What the finding and its rows have in common."""
    where: str
    """The conditions, each on a line of its own."""
    order: str

    def sql(self, limit: int) -> str:
        """Write the query of the first rows."""
        table = database.name(self.view)
        return f"select *\nfrom {table}{self.where}\norder by {self.order}\nlimit {limit}"


def find(finding: Finding, ask: Ask) -> Behind | None:
    """Return where the rows behind a finding are; None where its rule names no view.

    Raises:
        UserError: the rule's ``rows`` names nothing that can be read.
    """
    if finding.rows is None:
        return None
    view, shared = behind(finding.rows)
    try:
        described = ask(f"select column_name from (describe {database.name(view)})")
    except UserError as error:
        raise UserError(f"rule {finding.rule}: its `rows:` names {view}: {error}") from None
    columns = [row["column_name"] for row in described]
    same = _same(finding, columns if shared is None else shared)
    order = "ts" if "ts" in columns else "since" if "since" in columns else columns[0]
    return Behind(view, columns, same, _where(finding, columns, same), order)


def _same(finding: Finding, columns: Sequence[str]) -> dict[str, str]:
    told = {"host": finding.host, **finding.evidence}
    return {
        name: value for name, value in told.items() if name in columns and isinstance(value, str)
    }


def _where(finding: Finding, columns: Sequence[str], same: Mapping[str, str]) -> str:
    since, until = database.literal(finding.since), database.literal(finding.until)
    conditions = [f"{database.name(name)} = {_literal(value)}" for name, value in same.items()]
    if "ts" in columns:
        conditions.append(f"ts between {since} and {until}")
    elif "since" in columns and "until" in columns:
        conditions += [f"since <= {until}", f"until >= {since}"]
    return "".join(
        f"\n{'and' if number else 'where'} {text}" for number, text in enumerate(conditions)
    )


_UNSEEN = re.compile(rf"{HARMFUL.pattern}|[\n\t]")


def _literal(text: str) -> str:
    r"""Write a string for a query that people copy: what cannot be seen in it is spelled out.

    >>> print(_literal("a\n'b"))
    'a' || chr(10) || '''b'
    """
    return _UNSEEN.sub(lambda found: f"' || chr({ord(found[0])}) || '", database.literal(text))
