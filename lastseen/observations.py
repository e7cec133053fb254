"""Findings as incidents see them: rows of one trouble of one host are one, and what makes it the same again."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from lastseen.options import SEVERITIES
from lastseen.rulefile import Rule, behind
from lastseen.rules import Finding


@dataclass(frozen=True)
class Observation:
    """What a rule found of one trouble of one host."""

    rule: str
    cause: str | None
    labels: Mapping[str, str]
    host: str | None
    fingerprint: str
    findings: Sequence[Finding]
    """At least one."""

    @property
    def since(self) -> datetime:
        """The first evidence, UTC."""
        return min(one.since for one in self.findings)

    @property
    def until(self) -> datetime:
        """The last evidence, UTC."""
        return max(one.until for one in self.findings)

    @property
    def severity(self) -> str:
        """The worst of its findings."""
        return worst(one.severity for one in self.findings)

    @property
    def newest(self) -> Finding:
        """The finding with the last evidence."""
        return max(self.findings, key=lambda one: one.until)

    @property
    def group(self) -> tuple[object, ...]:
        """What the findings of one incident have in common."""
        return self.rule, tuple(sorted(self.labels.items())), self.host is None

    def after(self, known: datetime) -> "Observation | None":
        """Return what of it is newer evidence than what is known; None where nothing is."""
        newer = [one for one in self.findings if one.until > known]
        if not newer:
            return None
        return Observation(self.rule, self.cause, self.labels, self.host, self.fingerprint, newer)


def observe(found: Iterable[Finding], rules: Mapping[str, Rule]) -> dict[str, Observation]:
    """Return what rules found, by fingerprint."""
    same: dict[tuple[str, str, str | None], list[Finding]] = defaultdict(list)
    for one in found:
        labels = json.dumps(labelled(rules[one.rule], one), sort_keys=True)
        same[one.rule, labels, one.host].append(one)
    return {
        (key := fingerprint(rule, labels, host)): Observation(
            rule, group[0].explains, json.loads(labels), host, key, group
        )
        for (rule, labels, host), group in same.items()
    }


def labelled(rule: Rule, finding: Finding) -> dict[str, str]:
    """Return what besides its host tells a finding's trouble from others of its rule.

    The columns that the rule's ``key:`` names; where it names none, the text that it shares with its rows.
    """
    if rule.key is not None:
        named = {name: finding.evidence.get(name) for name in rule.key}
        return {name: str(value) for name, value in named.items() if value is not None}
    shared = (behind(rule.rows)[1] or []) if rule.rows else []
    return {
        name: value
        for name in shared
        if name != "host" and isinstance(value := finding.evidence.get(name), str)
    }


def fingerprint(rule: str, labels: str, host: str | None) -> str:
    """Return what makes a trouble of a host the same one, whenever it is found."""
    return sha256(json.dumps([rule, labels, host]).encode()).hexdigest()


def clusters(found: Iterable[Observation], within: timedelta) -> Iterator[list[Observation]]:
    """Yield observations of one group that began within a span of each other."""
    cluster: list[Observation] = []
    for one in sorted(found, key=lambda one: (one.since, one.host or "")):
        if cluster and one.since - cluster[-1].since > within:
            yield cluster
            cluster = []
        cluster.append(one)
    if cluster:
        yield cluster


def worst(severities: Iterable[str]) -> str:
    """Return the worst of some severities.

    >>> worst(["low", "high", "medium"])
    'high'
    """
    return max(severities, key=SEVERITIES.index)
