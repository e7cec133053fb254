"""Made-up findings and rows, so that templates can be tried without data."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa

from lastseen import adhoc
from lastseen.cases import Case
from lastseen.diagnosis import Accused, Diagnosis, Evidence, RuledOut, Unknown
from lastseen.evidence import Ask, Row
from lastseen.facts import NIGHT, Card, Facts, Item
from lastseen.headline import Headline, Tally
from lastseen.lanes import Lane, Lanes
from lastseen.rules import Finding
from lastseen.views import Views

ROWS = 3
_TEXT = "made up <b>&\"'"


def facts(now: datetime) -> Facts:
    """Return facts with something in every place."""
    finding = Finding(
        "sample", "high", "Sample", "host-1", now - timedelta(hours=1), now, _TEXT, {"events": 3}, "Why.", "network"
    )  # fmt: skip
    item = Item(
        finding,
        ["ts", "host", "message"],
        [{"ts": now, "host": "host-1", "message": _TEXT}],
        "select 1",
        "lastseen sql 'select 1'",
    )
    card = Card(
        "sample",
        "Sample",
        "high",
        "Why.",
        "network",
        "lastseen check sample",
        [item, Item(finding)],
    )
    return Facts(
        now, now - NIGHT, Headline("trouble", [_TEXT], "Of 4 hosts, 1 is fine."),
        Tally(["host-1"], ["host-2"], ["host-3"], ["host-4"]), [finding], [card], [card], [card],
        {"host-1": "trouble", "host-2": "fine", "host-3": "asleep", "host-4": "unknown"},
        [_case(now)],
        {"host-1": ["Sample"]},
    )  # fmt: skip


def _case(now: datetime) -> Case:
    """Return a case with something in every place."""
    hour = timedelta(hours=1)
    rows = [Evidence(now - hour, "sample", "host-1", "sample.log", 1, _TEXT)]
    cause = Accused("network", "host", 1.0, now - hour, now, _TEXT, _TEXT, ["sample"], rows, 2)
    found = Diagnosis(
        "host-1", "silent", now - hour, now - hour, now, hour, now, {}, [cause],
        [RuledOut("clock-skew", _TEXT)], [Unknown("tls-trust", _TEXT)],
    )  # fmt: skip
    lanes = Lanes("host-1", now - hour, now, hour / 2, [Lane("osquery", ["up", "gap"])])
    return Case(["host-1", "host-2"], found, _TEXT, _TEXT, lanes)


def asker(views: Views) -> Ask:
    """Return what answers any query that would run with made-up rows of its columns.

    So a template sees rows whatever its `where` says, and a query that does not run is found.
    """

    def ask(query: str) -> list[Row]:
        schema = adhoc.run(views, f"from ({query}) limit 0").schema
        return [
            {column.name: _value(column.type, views.now, number) for column in schema}
            for number in range(ROWS)
        ]

    return ask


_MAKERS: list[tuple[Callable[[Any], bool], Callable[[datetime, int], object]]] = [
    (pa.types.is_boolean, lambda _, number: number % 2 == 0),
    (pa.types.is_integer, lambda _, number: number + 1),
    (pa.types.is_floating, lambda _, number: number + 0.5),
    (pa.types.is_decimal, lambda _, number: Decimal(number)),
    (pa.types.is_timestamp, lambda now, number: now - timedelta(hours=number + 1)),
    (pa.types.is_date, lambda now, number: date(now.year, now.month, number + 1)),
    (
        lambda kind: pa.types.is_duration(kind) or pa.types.is_interval(kind),
        lambda _, number: timedelta(minutes=number),
    ),
]


def _value(kind: Any, now: datetime, number: int) -> object:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_value(kind.value_type, now, each) for each in range(ROWS)]
    if pa.types.is_struct(kind):
        return {inner.name: _value(inner.type, now, number) for inner in kind}
    return next((make(now, number) for fits, make in _MAKERS if fits(kind)), f"{_TEXT} {number}")
