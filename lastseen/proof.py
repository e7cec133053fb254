"""Whether a trouble of which nothing is seen any more is over, or only nobody would have told of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from lastseen import database
from lastseen.rulefile import Rule
from lastseen.views import Views

_LOGS = "select format, emitter, covers, since, until, steady from logs order by format, emitter"
_DELETED = """
select distinct host
from fleet_hosts
where ts <= getvariable('until') and host not in (select host from hosts)
"""
_ALLOWED = "select epoch_us(collection_after) from policy where scope = 'all'"
_MINUTE = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True)
class Proven:
    """Whether it is over, and why, or why that cannot be told."""

    over: bool
    why: str


class Proof:
    """What was collected, as far as it can prove that something is over; asked of the lake when first needed."""

    def __init__(self, views: Views, rules: Mapping[str, Rule]) -> None:
        """Begin.

        Args:
            views: The database, its window ending at the moment that is judged.
            rules: By name.
        """
        self._views = views
        self._rules = rules
        self._tables: dict[str, set[str]] = {}

    def proves(self, name: str, host: str | None, until: datetime, beyond: timedelta) -> Proven:
        """Say whether what a rule does not see any more is over.

        Where the rule says what its silence needs, that must have been collected after the last evidence.
        Where it does not, every steady log that it reads and that was being collected then must go on.

        Args:
            name: The rule.
            host: Whose trouble it was; None is the server's or the whole fleet's.
            until: The last evidence, UTC.
            beyond: How much further the logs must reach.
        """
        if host is not None and host in self._deleted:
            return Proven(over=True, why="the host is no longer in the inventory")
        rule = self._rules[name]
        if not self._reads(rule):
            return Proven(over=True, why=f"no longer found; last seen {until:{_MINUTE}}")
        lacking = self._needed(rule, host, until + beyond)
        if lacking is None:
            lacking = self._unread(rule, host, until, beyond)
        if lacking:
            what = f"not seen since {until:{_MINUTE}}, but nothing collected since of {', '.join(lacking)}"
            return Proven(over=False, why=what)
        newest = max(log["until"] for log in self._logs)
        how = "nothing newer than" if beyond else "no longer found; last seen"
        return Proven(over=True, why=f"{how} {until:{_MINUTE}}, with logs up to {newest:{_MINUTE}}")

    def _needed(self, rule: Rule, host: str | None, after: datetime) -> list[str] | None:
        """Return which needs of a rule are not met after a moment; None where it names none."""
        if not rule.needs:
            return None
        have = {log["format"] for log in self._about(host) if log["until"] > after}
        return [" or ".join(names) for names in rule.needs if not have.intersection(names)]

    def _reads(self, rule: Rule) -> set[str]:
        """Return the log tables that a rule reads, or needs."""
        if rule.name not in self._tables:
            needed = {name for names in rule.needs for name in names}
            self._tables[rule.name] = needed or self._views.tables(rule.source.query)
        return self._tables[rule.name]

    def _unread(
        self, rule: Rule, host: str | None, until: datetime, beyond: timedelta
    ) -> list[str]:
        """Return which logs that a rule reads have ended too soon."""
        logs = [log for log in self._about(host) if log["format"] in self._reads(rule)]
        ended = [
            _named(log)
            for log in logs
            if log["steady"]
            and log["since"] <= until
            and until - self._allowed <= log["until"] <= until + beyond
        ]
        if not ended and not any(log["until"] > until + beyond for log in logs):
            return [_named(log) for log in logs] or ["what it reads"]
        return ended

    def _about(self, host: str | None) -> Sequence[Mapping[str, Any]]:
        """Return the logs that would tell of a host, or of the server."""
        central = self._by_emitter.get(None, [])
        if host is not None:
            return [*central, *self._by_emitter.get(host, [])]
        return central or self._logs

    @cached_property
    def _by_emitter(self) -> Mapping[str | None, Sequence[Mapping[str, Any]]]:
        """The logs of each host; under None, those that tell of any."""
        found: dict[str | None, list[Mapping[str, Any]]] = defaultdict(list)
        for log in self._logs:
            found[log["emitter"] if log["covers"] == "host" else None].append(log)
        return found

    @cached_property
    def _logs(self) -> Sequence[Mapping[str, Any]]:
        self._views.settle([_LOGS])
        return self._views.rows(_LOGS)

    @cached_property
    def _deleted(self) -> frozenset[str]:
        self._views.settle([_DELETED])
        return frozenset(row["host"] for row in self._views.rows(_DELETED))

    @cached_property
    def _allowed(self) -> timedelta:
        (allowed,) = database.one(self._views.con, _ALLOWED)
        return timedelta(microseconds=allowed)


def _named(log: Mapping[str, Any]) -> str:
    return f"{log['format']} from {log['emitter']}" if log["emitter"] else str(log["format"])
