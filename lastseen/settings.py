"""lastseen.toml, read once into frozen dataclasses."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from glob import escape
from pathlib import Path
from typing import Any, get_type_hints

from lastseen.config import CALENDAR, HOURS, PAUSE, PERIOD, ZONE, Place, Reader, nearest
from lastseen.errors import Problem, UserError
from lastseen.period import Cron
from lastseen.source import Source
from lastseen.sources import KINDS


@dataclass(frozen=True)
class Policy:
    """What is normal; a `[policy]` in lastseen.toml changes any of it.

    The numbers and their reasons: Fleet's own intervals (osquery checks in every 10 s, details every
    hour with 10 % jitter, profiles are pushed at once and again each minute). Those of the server and
    its database hold for all: only `[policy]` itself sets them.
    """

    heartbeat_period: timedelta | str = timedelta(seconds=10)
    """How often a host checks in; `"learned"`: as its own past says."""
    heartbeat_grace: timedelta = timedelta(minutes=5)
    """How much later than its period a check-in may come before it counts as missed."""
    heartbeat_calendar: str = ""
    """Instead of a period, the moments at which it checks in: a cron line or an OnCalendar."""
    heartbeat_hours: str = "always"
    """The hours of the week in which it is expected; outside them its silence is not judged."""
    heartbeat_zone: str = "UTC"
    """The zone of a calendar, hours or a day that name none."""
    heartbeat_paused: bool | date = False
    """Whether it is put away, or until which day; its silence is not judged."""
    pending_after: timedelta = timedelta(minutes=15)
    """How long a profile of an online host may be pending."""
    verifying_after: timedelta = timedelta(hours=2, minutes=6)
    """How long a delivered profile may be unverified: details each hour, 10 % jitter, an hour's grace."""
    mdm_after: timedelta = timedelta(hours=48)
    """How long a host that is online may go without an MDM check-in."""
    queue_after: timedelta = timedelta(minutes=30)
    """How long the oldest MDM command of a host that fetches commands may wait: twice what one alone may."""
    pushed_for: timedelta = timedelta(days=7)
    """How old a command gets before Fleet pushes it no more, so that it waits until the host asks by itself."""
    declaration_after: timedelta = timedelta(hours=1)
    """How long a declaration may be unverified: the Mac reports it by itself, within minutes."""
    enrollment_after: timedelta = timedelta(hours=24)
    """How long a host that reports already may be called not enrolled: Fleet asks Apple all the time."""
    collection_after: timedelta = timedelta(hours=1)
    """How long a log may bring nothing new before the collection itself is in doubt."""
    details_after: timedelta = timedelta(hours=2)
    """How long a host that stays online may keep old details, labels or policies: osquery refreshes them each hour."""
    refetch_after: timedelta = timedelta(minutes=10)
    """How long a host that stays online may leave a refetch unanswered: Fleet's own page gives up after 140 seconds."""
    enrolled_after: timedelta = timedelta(minutes=15)
    """How long an enrolled host may take until its first details are there."""
    crash_within: timedelta = timedelta(minutes=10)
    """Three starts of an agent within this are a crash loop; an update is one."""
    watchdog_within: timedelta = timedelta(hours=1)
    """Three workers of osqueryd stopped within this are no accident: their queries are never answered."""
    network_after: timedelta = timedelta(minutes=5)
    """How long an agent may fail to reach Fleet: a laptop that wakes does for some seconds."""
    reads_after: timedelta = timedelta(minutes=10)
    """How long a host that sends may go without asking for queries, which it does every 10 seconds."""
    clock_after: timedelta = timedelta(minutes=5)
    """How wrong a clock may be: as much as Kerberos bears."""
    certificate_notice: timedelta = timedelta(days=30)
    """How long before its end a certificate is worth a word: Fleet renews a Mac's identity well before."""
    certificate_urgent: timedelta = timedelta(days=7)
    """How long before its end it is urgent: a week holds a weekend, and a push certificate needs people."""
    burst_gap: timedelta = timedelta(minutes=15)
    """How far apart two errors may lie and still be one trouble: what is tried again is, within minutes."""
    outage_after: timedelta = timedelta(minutes=2)
    """How long Fleet may answer with errors before it is an outage: a restart for an upgrade takes half a minute."""
    slow_after: timedelta = timedelta(seconds=10)
    """How long an answer of Fleet may take: most take less than a third of a second."""
    storm_within: timedelta = timedelta(minutes=5)
    """How soon trouble must follow many requests to be theirs: MySQL gives up a wait after 50 seconds."""
    storm_requests: int = 10
    """How many requests in one minute can be a storm at all; fewer are what one person clicks."""
    storm_times: int = 10
    """How many times the usual requests of a minute make a storm."""
    error_percent: int = 5
    """How many of a hundred requests may fail before it is Fleet that fails, and not those requests."""
    error_count: int = 10
    """How many errors of the server there must be at least: a few in a hundred of a few are chance."""


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
