"""The first sentence of a report: what is wrong and where, since when, and what cannot be known."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from string import Formatter

from lastseen.options import SEVERITIES
from lastseen.rules import Finding, word
from lastseen.wording import clock, count, listed

_NAMED = 3
"""So many hosts are named; more are counted."""
_CLAUSES = 6
"""So many troubles the sentence tells of; more are counted."""
_OVER = timedelta(hours=1)
"""What was last heard of longer ago is told as past."""
_KINDS = {"darwin": "Mac", "windows": "Windows host", "ios": "iPhone", "ipados": "iPad"}
UNKNOWN = "collection-gap"
"""What a rule explains that tells of missing data, not of trouble."""


@dataclass(frozen=True)
class Tally:
    """How the hosts stand."""

    trouble: Sequence[str]
    fine: Sequence[str]
    asleep: Sequence[str]
    unknown: Sequence[str]

    @property
    def total(self) -> int:
        """All hosts that are known."""
        return len(self.trouble) + len(self.fine) + len(self.asleep) + len(self.unknown)


@dataclass(frozen=True)
class Ground:
    """What there is data for: the only ground for saying that all is well."""

    until: datetime | None
    """Up to here a central log was collected; None where there is none at all."""
    holes: Sequence[str]
    """Central logs that miss some hours."""


@dataclass(frozen=True)
class Headline:
    """The first sentences, in parts."""

    state: str
    """trouble, unknown or well."""
    clauses: Sequence[str]
    """A trouble each, the worst first."""
    hosts: str
    """How many hosts are fine, asleep, unknown."""

    @property
    def parts(self) -> Sequence[str]:
        """The first sentence, clause by clause, with its capital and its full stop."""
        words = [f"{self.clauses[0][:1].upper()}{self.clauses[0][1:]}", *self.clauses[1:]]
        return [*(f"{one};" for one in words[:-1]), f"{words[-1]}."]

    @property
    def first(self) -> str:
        """The first sentence."""
        return " ".join(self.parts)

    def __str__(self) -> str:
        """Return all of it."""
        return f"{self.first} {self.hosts}".strip()


def headline(
    found: Sequence[Finding], tally: Tally, ground: Ground, kinds: Mapping[str, str], now: datetime
) -> Headline:
    """Sum up.

    Args:
        found: What the rules found, the worst first.
        tally: How the hosts stand.
        ground: What there is data for.
        kinds: The platform of each host.
        now: The moment of the report.
    """
    troubles = clauses([one for one in found if one.explains != UNKNOWN], kinds, now)
    doubts = clauses([one for one in found if one.explains == UNKNOWN], kinds, now)
    stand = _stand(tally)
    if troubles:
        return Headline("trouble", _capped(troubles + doubts), stand)
    if ground.until is None:
        what = "unknown: no log that would tell of every host was collected in these 24 hours"
        return Headline("unknown", [what], stand)
    missing = _capped(doubts + [f"{log} has holes" for log in ground.holes] + _nobody(tally))
    if missing:
        return Headline(
            "unknown", [f"nothing wrong where there is data, but {missing[0]}", *missing[1:]], stand
        )
    hosts = count(tally.total, "host is", "hosts are")
    return Headline(
        "well",
        [f"all well: {hosts} accounted for, every log came in and no rule found anything"],
        stand,
    )


def clauses(found: Sequence[Finding], kinds: Mapping[str, str], now: datetime) -> list[str]:
    """Return a clause for each trouble; findings of one rule that read the same are one."""
    alike: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for one in found:
        alike[one.rule, _filled(one.together or one.title, one.evidence, {})].append(one)
    return [
        _clause(group, kinds, now)
        for group in sorted(alike.values(), key=lambda group: weight(group, now))
    ]


def weight(group: Sequence[Finding], now: datetime) -> tuple[object, ...]:
    """Put what goes on first, the worst of it first; then what is over, the latest first.

    Of what is equally bad: what people feel before its causes, the server's before a host's, many
    hosts' before one's, the newest.
    """
    one = group[0]
    until = max(finding.until or now for finding in group)
    if now - until > _OVER:
        return True, -until.timestamp()
    newest = max(finding.since or now for finding in group)
    symptom = one.explains is None
    return (
        False,
        -SEVERITIES.index(one.severity),
        not symptom,
        one.host is not None,
        -len(group),
        -newest.timestamp(),
    )


def _clause(group: Sequence[Finding], kinds: Mapping[str, str], now: datetime) -> str:
    one = group[0]
    if one.together is None and len(group) == 1:
        return one.summary
    hosts = sorted({finding.host for finding in group if finding.host is not None})
    named = who(hosts, kinds) if hosts else "the server"
    own = {
        "hosts": named,
        "for_hosts": f" for {named}" if hosts else "",
        "have": "has" if len(hosts) < 2 else "have",  # noqa: PLR2004 - one, or more
        "are": "is" if len(hosts) < 2 else "are",  # noqa: PLR2004 - one, or more
        "since": clock(min(finding.since or now for finding in group), now),
        "when": _when(group, now),
        "count": str(len(group)),
    }
    return _filled(one.together or f"{one.title}: {{hosts}} {{when}}", one.evidence, own)


def _when(group: Sequence[Finding], now: datetime) -> str:
    """Say since when, or from when to when where it is over."""
    since, until = min(one.since or now for one in group), max(one.until or now for one in group)
    if now - until <= _OVER:
        return f"since {clock(since, now)}"
    return f"from {clock(since, now)} to {clock(until, now)}"


def who(hosts: Sequence[str], kinds: Mapping[str, str]) -> str:
    """Name hosts, or count them where they are many.

    >>> who(["a", "b"], {"a": "darwin", "b": "darwin"}), who(list("abcd"), {})
    ('2 Macs (a, b)', '4 hosts')
    """
    words = {_KINDS.get(kinds.get(host, ""), "host") for host in hosts}
    noun = words.pop() if len(words) == 1 else "host"
    if len(hosts) == 1:
        return hosts[0]
    names = f" ({', '.join(hosts)})" if len(hosts) <= _NAMED else ""
    return count(len(hosts), noun) + names


NAMES = ("hosts", "for_hosts", "have", "are", "since", "when", "count")
"""What ``together`` may name besides the columns of its rule."""


def open_places(text: str, columns: Sequence[str]) -> list[str]:
    """Return what ``together`` names and nobody can say.

    >>> open_places("{hosts} {have} {reson} {when}", ["host", "reason"])
    ['reson']
    """
    named = [field for _, field, *_ in Formatter().parse(text) if field is not None]
    return [field for field in named if field not in {*NAMES, *columns}]


def _filled(text: str, evidence: Mapping[str, object], own: Mapping[str, str]) -> str:
    """Fill a clause; what neither the finding nor we can say stays open."""
    parts = []
    for plain, field, *_ in Formatter().parse(text):
        parts.append(plain)
        if field is not None:
            known = (
                own[field]
                if field in own
                else word(evidence[field])
                if field in evidence
                else f"{{{field}}}"
            )
            parts.append(known)
    return "".join(parts)


def _stand(tally: Tally) -> str:
    """Say how the hosts stand, in one sentence."""
    if not tally.total:
        return "No host is known."
    groups = [
        (len(tally.trouble), "has a finding", "have findings"),
        (len(tally.fine), "is fine", "are fine"),
        (len(tally.asleep), "is asleep", "are asleep"),
        (len(tally.unknown), "is unknown", "are unknown"),
    ]
    return f"Of {count(tally.total, 'host')}, {listed([count(*group) for group in groups if group[0]])}."


def _nobody(tally: Tally) -> list[str]:
    if not tally.total:
        return ["no host is known"]
    return [f"{count(len(tally.unknown), 'host is', 'hosts are')} unknown"] if tally.unknown else []


def _capped(texts: Sequence[str]) -> list[str]:
    rest = len(texts) - _CLAUSES
    return [*texts[:_CLAUSES], f"and {count(rest, 'more trouble')}"] if rest > 0 else list(texts)
