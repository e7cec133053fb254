"""lastseen.toml, read once into frozen dataclasses."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lastseen.errors import Problem, UserError
from lastseen.period import period


@dataclass(frozen=True)
class Policy:
    """What is normal for a host. Every value is a span; a `[policy]` in lastseen.toml changes any of them.

    The numbers and their reasons: Fleet's own intervals (osquery checks in every 10 s, details every
    hour with 10 % jitter, profiles are pushed at once and again each minute).
    """

    heartbeat_period: timedelta = timedelta(seconds=10)
    """How often a host checks in."""
    heartbeat_grace: timedelta = timedelta(minutes=5)
    """How much later than its period a check-in may come before it counts as missed."""
    pending_after: timedelta = timedelta(minutes=15)
    """How long a profile of an online host may be pending."""
    verifying_after: timedelta = timedelta(hours=2, minutes=6)
    """How long a delivered profile may be unverified: details each hour, 10 % jitter, an hour's grace."""
    mdm_after: timedelta = timedelta(hours=48)
    """How long a host that is online may go without an MDM check-in."""
    collection_after: timedelta = timedelta(hours=1)
    """How long a log may bring nothing new before the collection itself is in doubt."""


@dataclass(frozen=True)
class Settings:
    """The whole of lastseen.toml."""

    lake: str = "lake"
    """Where the tables are; relative to the project."""
    keep: timedelta | None = None
    """How long rows are kept; None is for ever."""
    policy: Mapping[str, timedelta] = field(default_factory=dict)
    """What `[policy]` changes, for every host."""
    platforms: Mapping[str, Mapping[str, timedelta]] = field(default_factory=dict)
    """What `[policy.PLATFORM]` changes, by Fleet's platform name (darwin, ubuntu, windows, …)."""
    hosts: Mapping[str, Mapping[str, timedelta]] = field(default_factory=dict)
    """What `[policy.host."NAME"]` changes."""


TEMPLATE = """\
# lastseen.toml: everything in it is optional. Times are UTC unless they carry a zone.

[lake]
path = "lake"            # where the tables are, relative to this file
# keep = "90 days"       # `lastseen tidy` drops older days; left out, everything is kept

# What is normal. Rules take their thresholds from here, never from a number inside a query.
[policy]
# heartbeat = { period = "10 seconds", grace = "5 minutes" }
# pending_after = "15 minutes"
# verifying_after = "2 hours 6 minutes"
# collection_after = "1 hour"

# Nearer wins: a platform over all hosts, a host over its platform.
# [policy.windows]
# heartbeat = { period = "10 seconds", grace = "30 minutes" }
# [policy.host."mac-015"]
# pending_after = "45 minutes"
"""

_POLICY = tuple(f.name for f in fields(Policy))


def load(path: Path) -> Settings:
    """Read lastseen.toml; a project without one has the defaults.

    Raises:
        UserError: every problem of the file at once, each with its line.
    """
    if not path.is_file():
        return Settings()
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
    reader = _Reader(path, text)
    settings = reader.settings(data)
    if reader.problems:
        raise UserError("\n".join(map(str, sorted(reader.problems))))
    return settings


class _Reader:
    """Turns parsed TOML into Settings and collects all that is wrong on the way."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()
        self.problems: list[Problem] = []

    def settings(self, data: dict[str, Any]) -> Settings:
        self._known(data, ("lake", "policy"), "section")
        lake = self._table(data, "lake")
        self._known(lake, ("path", "keep"), "key of [lake]")
        policy = self._table(data, "policy")
        nested = {
            key: value
            for key, value in policy.items()
            if isinstance(value, dict) and key != "heartbeat"
        }
        hosts = self._table(policy, "host", "policy.host")
        nested.pop("host", None)
        return Settings(
            lake=self._text(lake, "path", "lake"),
            keep=self._span("keep", lake["keep"]) if "keep" in lake else None,
            policy=self._policy(
                {key: value for key, value in policy.items() if key not in {*nested, "host"}}
            ),
            platforms={key: self._policy(value) for key, value in nested.items()},
            hosts={
                key: self._policy(self._table(hosts, key, f'policy.host."{key}"')) for key in hosts
            },
        )

    def _policy(self, values: dict[str, Any]) -> dict[str, timedelta]:
        flat = dict(self._flat(values))
        self._known(flat, _POLICY, "policy")
        return {
            key: span
            for key, value in flat.items()
            if key in _POLICY and (span := self._span(key, value))
        }

    @staticmethod
    def _flat(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Yield `heartbeat = { period, grace }` as the two policies that it sets."""
        for key, value in values.items():
            if isinstance(value, dict):
                yield from ((f"{key}_{part}", inner) for part, inner in value.items())
            else:
                yield key, value

    def _span(self, key: str, value: object) -> timedelta | None:
        try:
            return period(str(value))
        except UserError as error:
            self._problem(key, str(error))
            return None

    def _text(self, values: dict[str, Any], key: str, default: str) -> str:
        value = values.get(key, default)
        if isinstance(value, str):
            return value
        self._problem(key, f"{key} must be text")
        return default

    def _table(self, data: dict[str, Any], key: str, name: str | None = None) -> dict[str, Any]:
        value = data.get(key, {})
        if isinstance(value, dict):
            return value
        self._problem(key, f"[{name or key}] must be a section")
        return {}

    def _known(self, values: Mapping[str, object], known: tuple[str, ...], what: str) -> None:
        for key in values:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(known)}"
                self._problem(key, f"unknown {what} '{key}'; {hint}")

    def _problem(self, key: str, what: str) -> None:
        words = re.compile(
            rf"[\[\s.\"']*{re.escape(key)}\b|.*[{{\[.,\"]\s*{re.escape(key.rpartition('_')[2])}\b"
        )
        line = next((number for number, line in enumerate(self.lines, 1) if words.match(line)), 0)
        self.problems.append(Problem(self.path, line, what))
