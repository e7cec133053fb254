"""lastseen.toml, read once into frozen dataclasses."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from glob import escape
from pathlib import Path
from typing import Any, get_type_hints

from lastseen.config import CALENDAR, HOURS, PAUSE, PERIOD, ZONE, Place, Reader, nearest
from lastseen.errors import Problem, UserError
from lastseen.norms import Policy
from lastseen.period import Cron
from lastseen.source import Source
from lastseen.sources import KINDS

NIGHTLY = Cron("30 3 * * *")


@dataclass(frozen=True)
class Report:
    """When a report is rendered."""

    at: str | None = None
    """A time of day, "06:00"; every day."""
    every: timedelta | Cron | None = None
    """Or a span or a cron line."""
    zone: str = "UTC"
    """The zone whose clock `at` means."""

    @property
    def rhythm(self) -> timedelta | Cron:
        """How often it is rendered."""
        if self.every is not None:
            return self.every
        hour, _, minute = (self.at or "06:00").partition(":")
        return Cron(f"{int(minute or 0)} {int(hour)} * * *", self.zone)


@dataclass(frozen=True)
class Schedule:
    """What `lastseen schedule` does besides sources, rules and reports."""

    tidy: timedelta | Cron = NIGHTLY
    """When the lake is tidied."""
    at_once: int = 4
    """Sources that are pulled at the same time."""
    ping: str | None = None
    """A URL to ask for after each good night, so that its silence is noticed."""
    ping_env: str | None = None
    """The environment variable that holds that URL, instead."""


@dataclass(frozen=True)
class Incidents:
    """When findings become incidents, and when people are told of them. Every value is a span.

    The first four are those that people know from Alertmanager and PagerDuty.
    """

    group_wait: timedelta = timedelta(seconds=30)
    """A trouble younger than this is pending: what is gone by then was never open."""
    group_interval: timedelta = timedelta(minutes=5)
    """Hosts that join an incident, or come and go, are told of this often at most."""
    repeat_interval: timedelta = timedelta(hours=4)
    """An incident that nobody has acknowledged is told of again after this."""
    reopen_within: timedelta = timedelta(hours=24)
    """What comes back this soon after it was resolved is the same incident; later it is a new one."""
    group_within: timedelta = timedelta(minutes=5)
    """Hosts whose trouble began within this of another's are one incident: a switch that dies, dies for all."""
    quiet_after: timedelta = timedelta(hours=1)
    """A trouble that a rule still finds in its window is over when its logs went on this long without it."""


@dataclass(frozen=True)
class Settings:
    """The whole of lastseen.toml."""

    lake: str = "lake"
    """Where the tables are; relative to the project."""
    keep: timedelta | None = None
    """How long rows are kept; None is for ever."""
    policy: Mapping[str, object] = field(default_factory=dict)
    """What `[policy]` changes, for every host."""
    platforms: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What `[policy.PLATFORM]` changes, by Fleet's platform name (darwin, ubuntu, windows, …)."""
    hosts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What `[policy.host."NAME"]` changes."""
    sources: Mapping[str, Source] = field(default_factory=dict)
    """What `[sources.NAME]` says, by name."""
    reports: Mapping[str, Report] = field(default_factory=lambda: {"nightly": Report()})
    """When each report is rendered; the nightly one at 06:00 UTC unless it is told otherwise."""
    schedule: Schedule = Schedule()
    incidents: Incidents = Incidents()


_POLICY: Mapping[str, Any] = get_type_hints(Policy) | {
    "heartbeat_period": PERIOD,
    "heartbeat_calendar": CALENDAR,
    "heartbeat_hours": HOURS,
    "heartbeat_zone": ZONE,
    "heartbeat_paused": PAUSE,
}
"""How each policy is read."""
_SECTIONS = ("lake", "sources", "policy", "reports", "schedule", "incidents")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")


def load(path: Path) -> Settings:
    """Read lastseen.toml; a project without one has the defaults.

    Files and folders of sources are relative to it; ``~`` is the home of the user who runs this.

    Raises:
        UserError: every problem of the file at once, each with its line.
    """
    if not path.is_file():
        return Settings()
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        what = str(error)[: where.start()] if where else str(error)
        raise UserError(str(Problem(path, int(where[1]) if where else 0, what))) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
    reader = Reader(path, text)
    settings = _settings(reader, data)
    if reader.problems:
        raise UserError("\n".join(map(str, sorted(reader.problems))))
    return settings


def _settings(reader: Reader, data: dict[str, Any]) -> Settings:
    reader.known((), data, _SECTIONS, "section")
    lake = reader.table(("lake",), data)
    reader.known(("lake",), lake, ("path", "keep"), "key of [lake]")
    policy = reader.table(("policy",), data)
    hosts = reader.table(("policy", "host"), policy)
    nested = [
        key
        for key, value in policy.items()
        if isinstance(value, dict) and key not in ("heartbeat", "host")
    ]
    general = {key: value for key, value in policy.items() if key not in (*nested, "host")}
    return Settings(
        lake=reader.value(("lake", "path"), str, lake.get("path", "lake")) or "lake",
        keep=reader.value(("lake", "keep"), timedelta, lake["keep"]) if "keep" in lake else None,
        policy=_policy(reader, ("policy",), general),
        platforms={key: _policy(reader, ("policy", key), policy[key]) for key in nested},
        hosts={
            key: _policy(
                reader, ("policy", "host", key), reader.table(("policy", "host", key), hosts)
            )
            for key in hosts
        },
        sources=dict(_sources(reader, reader.table(("sources",), data))),
        reports={"nightly": Report()} | dict(_reports(reader, reader.table(("reports",), data))),
        schedule=_schedule(reader, reader.table(("schedule",), data)),
        incidents=reader.read(Incidents, ("incidents",), reader.table(("incidents",), data)),
    )


def _policy(reader: Reader, section: Place, values: dict[str, Any]) -> dict[str, object]:
    """Read a scope's policy; `heartbeat = { period, grace }` is two."""
    found: dict[str, object] = {}
    for key, value in values.items():
        inner = value if isinstance(value, dict) else {"": value}
        for part, said in inner.items():
            name = f"{key}_{part}" if part else key
            place = (*section, key, part) if part else (*section, key)
            if name in _POLICY:
                found[name] = norm = reader.value(place, _POLICY[name], said)
                if type(norm) is int and norm < 1:
                    reader.problem(place, f"{name} must be 1 at least")
            else:
                reader.known(place[:-1], {name: None}, tuple(_POLICY), "policy")
    _agree(reader, section, found)
    return {key: said for key, said in found.items() if said is not None}


def _agree(reader: Reader, section: Place, said: Mapping[str, object]) -> None:
    """Note what cannot be said of one heartbeat together."""
    for other in ("period", "hours"):
        if {"heartbeat_calendar", f"heartbeat_{other}"} <= said.keys():
            what = f"say either calendar or {other}: a calendar names its own moments"
            reader.problem((*section, "heartbeat", "calendar"), what)


def _sources(reader: Reader, sections: dict[str, Any]) -> Iterator[tuple[str, Source]]:
    folders: dict[str, str] = {}
    for name in sections:
        place = ("sources", name)
        before = len(reader.problems)
        values = dict(reader.table(place, sections))
        kind = values.pop("kind", None)
        if len(reader.problems) > before:
            continue
        if not _NAME.fullmatch(name):
            what = "letters, digits, '.', - and _, the first a letter or digit, 64 at most"
            reader.problem(place, f"a source's name is {what}; '{name}' is not")
        if (twin := folders.setdefault(name.lower(), name)) != name:
            reader.problem(place, f"'{name}' and '{twin}' would share a folder of the spool")
        if kind is None:
            reader.problem(place, f"kind is missing; known are {', '.join(KINDS)}")
        elif not isinstance(kind, str) or kind not in KINDS:
            what = f"there is no kind '{kind}'; {nearest(str(kind), list(KINDS))}"
            reader.problem((*place, "kind"), what)
        else:
            yield name, _source(reader, place, KINDS[kind], values)


def _source(reader: Reader, place: Place, kind: type[Source], values: dict[str, Any]) -> Source:
    """Read one source; what a wrong key would have said is not missed as well."""
    before = len(reader.problems)
    source = reader.read(kind, place, values, name=place[-1])
    if source.zone is not None:
        reader.value((*place, "zone"), ZONE, source.zone)
    sound = len(reader.problems) == before
    for key, what in source.problems():
        if sound or (key in values and reader.sound((*place, key))):
            reader.problem((*place, key), what)
    return _placed(reader, place, source)


def _placed(reader: Reader, place: Place, source: Source) -> Source:
    """Return a source whose files and folders are whole paths, whatever folder the tool is started in."""
    found: dict[str, str | tuple[str, ...]] = {}
    for key in source.places:
        value = getattr(source, key)
        try:
            if isinstance(value, tuple):
                # What the project's own path holds is no pattern, though it may look like one.
                root = Path(escape(str(reader.folder)))
                found[key] = tuple(str(root / Path(one).expanduser()) for one in value)
            elif value:
                found[key] = str(reader.folder / Path(value).expanduser())
        except RuntimeError:
            reader.problem((*place, key), f"{key}: there is no such user, so ~ has no folder")
    return replace(source, **found)  # type: ignore[arg-type] # the keys are the dataclass's own


def _reports(reader: Reader, sections: dict[str, Any]) -> Iterator[tuple[str, Report]]:
    for name in sections:
        place = ("reports", name)
        report = reader.read(Report, place, reader.table(place, sections))
        if report.at is not None and not _TIME_OF_DAY.fullmatch(report.at):
            reader.problem((*place, "at"), f'at is a time of day, "06:00"; it is "{report.at}"')
        elif report.at is not None and report.every is not None:
            reader.problem((*place, "every"), "say either at or every")
        else:
            reader.value((*place, "zone"), ZONE, report.zone)
            yield name, report


def _schedule(reader: Reader, values: dict[str, Any]) -> Schedule:
    schedule = reader.read(Schedule, ("schedule",), values)
    if schedule.ping is not None and schedule.ping_env is not None:
        reader.problem(("schedule", "ping_env"), "say either ping or ping_env")
    if schedule.ping is not None and not re.match(r"https?://", schedule.ping):
        reader.problem(("schedule", "ping"), "ping must begin with https://")
    if not 1 <= schedule.at_once <= 64:  # noqa: PLR2004 - each is a process
        reader.problem(("schedule", "at_once"), "at_once must be from 1 to 64")
    return schedule
