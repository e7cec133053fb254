"""What `[policy]` says, as relations: what holds for whom, and when a host is expected at all."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import datetime, timedelta

from lastseen import heartbeat
from lastseen.database import literal
from lastseen.heartbeat import ALWAYS, LEARNED
from lastseen.hours import hours
from lastseen.norms import Policy
from lastseen.settings import Settings

Row = tuple[str, str | None, Mapping[str, object]]
_TYPES = {timedelta: "interval", bool: "boolean", int: "bigint", float: "double", str: "varchar"}
_OWN = {
    "heartbeat_learned": "boolean",
    "heartbeat_calendar": "varchar",
    "heartbeat_hours": "varchar",
    "heartbeat_paused_until": "timestamptz",
}
"""What is told of a heartbeat, besides its spans; the zone is in what it belongs to."""
_ASIDE = ("heartbeat_calendar", "heartbeat_hours", "heartbeat_zone", "heartbeat_paused")
LOOK_BACK = timedelta(days=40)
"""How far back a host is known to have been expected, where all of the lake is read."""


def query(settings: Settings) -> str:
    """Return the policy as a query: a row a scope, `all`, `platform` or `host`; NULL where it says nothing."""
    plain = {f.name: _TYPES[type(f.default)] for f in fields(Policy) if f.name not in _ASIDE}
    return " union all ".join(
        f"select {literal(scope)} as scope, cast({literal(name)} as varchar) as name, "
        + ", ".join(
            f"cast({literal(said.get(key))} as {kind}) as {key}"
            for key, kind in (plain | _OWN).items()
        )
        for scope, name, said in _rows(settings)
    )


def expectations(settings: Settings, since: datetime | None, now: datetime) -> str:
    """Return when hosts are expected as a query: a timetable's hours, or moments that have no end.

    Args:
        settings: Whose calendars and hours.
        since: The earliest moment that queries look at, UTC.
        now: The latest; of what comes after it, the next is known too.
    """
    began = (since or now - LOOK_BACK) - timedelta(days=8)
    rows: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for _, _, said in _rows(settings):
        if line := said.get("heartbeat_calendar"):
            found = heartbeat.moments(heartbeat.calendar(str(line)), began, now)
            rows[str(line)] = [(moment, None) for moment in found]
        if line := said.get("heartbeat_hours"):
            rows[str(line)] = [*heartbeat.intervals(str(line), began, now)]
    values = ", ".join(
        f"({literal(line)}, {literal(begin)}, {literal(end)})"
        for line, spans in rows.items()
        for begin, end in spans
    )
    nothing = "(null, null, null)"
    return (
        "select cast(timetable as varchar) as timetable, cast(since as timestamptz) as since, "
        f"cast(until as timestamptz) as until from (values {values or nothing}) as t(timetable, since, until) "
        "where timetable is not null"
    )


def _rows(settings: Settings) -> Iterator[Row]:
    zone = str(settings.policy.get("heartbeat_zone", Policy.heartbeat_zone))
    whole = {f.name: f.default for f in fields(Policy)} | dict(settings.policy)
    if whole["heartbeat_calendar"]:
        whole.pop("heartbeat_hours")
    everyone = _said(whole, zone)
    if everyone["heartbeat_period"] is None:
        everyone["heartbeat_period"] = Policy.heartbeat_period
    yield "all", None, everyone
    for name, said in settings.platforms.items():
        yield "platform", name, _said(said, zone)
    for name, said in settings.hosts.items():
        yield "host", name, _said(said, zone)


def _said(said: Mapping[str, object], elsewhere: str) -> dict[str, object]:
    """Return one scope's policy, its calendars with their zones; what a nearer scope takes back is an empty text."""
    found = dict(said)
    zone = str(found.get("heartbeat_zone", elsewhere))
    span, line, week = (found.get(f"heartbeat_{key}") for key in ("period", "calendar", "hours"))
    if span is not None:
        found["heartbeat_learned"] = span == LEARNED
        found["heartbeat_period"] = None if span == LEARNED else span
    if line:
        when = heartbeat.named(heartbeat.calendar(str(line), zone))
        found |= {"heartbeat_calendar": when, "heartbeat_hours": ""}
    elif span is not None or week is not None:
        found["heartbeat_calendar"] = ""
    if week is not None:
        read = hours(str(week), zone) if week != ALWAYS else None
        found["heartbeat_hours"] = f"{read.line} {read.zone}" if read else ""
    if "heartbeat_paused" in found:
        found["heartbeat_paused_until"] = heartbeat.until(found["heartbeat_paused"], zone)
    return found
