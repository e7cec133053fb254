"""Findings, and what was known before, to incidents: who joins, who leaves, what stage each comes to, who is told.

The same check done again changes nothing. A check of the past changes nothing either.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lastseen.headline import clauses
from lastseen.incident import LASTSEEN, Incident, Member, Notice, Stage, Transition
from lastseen.incident_book import Book
from lastseen.observations import Observation, clusters, observe, worst
from lastseen.proof import Proven
from lastseen.rulefile import Rule
from lastseen.rules import Finding
from lastseen.settings import Incidents
from lastseen.stages import settle
from lastseen.wording import count, listed

Proves = Callable[[str, str | None, datetime, timedelta], Proven]
"""Says whether a trouble is over: the rule, the host, the last evidence, how much further logs must reach."""
_AHEAD = timedelta(minutes=1)
"""How far a check may be ahead of the clock before it is one of the future."""
_NAMED = 5
"""Hosts that a step names; of more, the number."""


@dataclass(frozen=True)
class Check:
    """What one run of rules came to."""

    now: datetime
    """The moment that they judged at, UTC."""
    rules: Mapping[str, Rule]
    """Those that ran: of the others nothing is known."""
    findings: Sequence[Finding]
    proves: Proves
    kinds: Mapping[str, str]
    """The platform of each host."""


def stale(book: Book, now: datetime, clock: datetime) -> str | None:
    """Say why a check must not touch the incidents, for it is not of the present; None where it may.

    Args:
        book: The incidents.
        now: The moment that was judged, UTC.
        clock: What time it is, UTC.
    """
    if now > clock + _AHEAD:
        return "that moment is still to come"
    judged = book.judged()
    # What was judged at a moment that is still to come was judged by a wrong clock.
    if judged is not None and now < judged <= clock + _AHEAD:
        return f"they were brought up to {judged:%Y-%m-%d %H:%M:%S} UTC before"
    return None


def update(book: Book, check: Check, limits: Incidents) -> list[Notice]:
    """Bring incidents up to a check; return what people are to be told.

    Args:
        book: The incidents, open for changing.
        check: What rules found, and what proves that something is over.
        limits: What lastseen.toml says of incidents.
    """
    observed = observe(check.findings, check.rules)
    before = {one.id: one for one in book.live()}
    after = _joined(book, before, observed, check, limits)
    for one in list(after.values()):
        if one.rule in check.rules and one.present:
            rest = _left(_seen(one, observed), observed, check, limits)
            after[one.id] = _summed(rest, observed, check)
    notices = settle(book, after, before, check.now, limits)
    book.judge(check.now)
    return notices


def _joined(
    book: Book,
    live: Mapping[int, Incident],
    observed: Mapping[str, Observation],
    check: Check,
    limits: Incidents,
) -> dict[int, Incident]:
    """Return the live incidents with the troubles that are new to them, and the incidents of the rest."""
    found = dict(live)
    known = {member.fingerprint for one in live.values() for member in one.present}
    last = book.last_known(observed.keys() - known)
    again = {one.id: one for one in book.ended(check.now - limits.reopen_within)}
    groups: dict[tuple[object, ...], list[Observation]] = defaultdict(list)
    for key, one in observed.items():
        new = one if key not in last else one.after(last[key][1])
        if key not in known and new is not None:
            groups[one.group].append(new)
    for group in groups.values():
        for cluster in clusters(group, limits.group_within):
            home = _near(found, cluster, limits) or _same(again | found, cluster, last)
            home = home or _begun(_next(book, found), cluster, check)
            found[home.id] = _with(home, cluster, check)
    return found


def _near(
    live: Mapping[int, Incident], cluster: Sequence[Observation], limits: Incidents
) -> Incident | None:
    """Return the oldest live incident of which a host began to have the trouble at about the same time."""
    first = cluster[0].since - limits.group_within
    last = cluster[-1].since + limits.group_within
    for one in live.values():
        if one.group == cluster[0].group and any(first <= m.since <= last for m in one.present):
            return one
    return None


def _same(
    known: Mapping[int, Incident],
    cluster: Sequence[Observation],
    last: Mapping[str, tuple[int, datetime]],
) -> Incident | None:
    """Return the incident that most of these had before, where it is not long over."""
    votes = Counter(last[one.fingerprint][0] for one in cluster if one.fingerprint in last)
    for number, voters in votes.most_common(1):
        if number in known and voters * 2 >= len(cluster):
            return known[number]
    return None


def _next(book: Book, found: Mapping[int, Incident]) -> int:
    return max([book.number() - 1, *found]) + 1


def _begun(number: int, cluster: Sequence[Observation], check: Check) -> Incident:
    """Return a new incident, with no hosts yet."""
    one, now = cluster[0], check.now
    rule = check.rules[one.rule]
    return Incident(
        number, one.rule, one.cause, one.labels, one.severity, rule.title, Stage.PENDING, Stage.PENDING,
        one.since, one.until, now, now, "",
        fresh=(Transition(now, None, Stage.PENDING, "first found", LASTSEEN),),
    )  # fmt: skip


def _with(one: Incident, cluster: Sequence[Observation], check: Check) -> Incident:
    """Return an incident that more hosts have; one that was over is open again."""
    now = check.now
    new: dict[str | None, Member] = {
        seen.host: Member(
            seen.host, seen.fingerprint, seen.since, seen.until, now, None, seen.severity, seen.newest.summary
        )
        for seen in cluster
    }  # fmt: skip
    whole = replace(one, members={**one.members, **new})
    if not one.live:
        since = min(member.since for member in whole.present)
        return replace(
            whole, base=Stage.REOPENED, since=since, summary="", noticed=None, inhibited_by=None
        )
    if one.members and not one.serverwide:
        return whole.moved(one.stage, now, f"{_hosts(list(new))} joined")
    return whole


def _seen(one: Incident, observed: Mapping[str, Observation]) -> Incident:
    """Return an incident with what was newly seen of the hosts that are in it."""
    members = dict(one.members)
    for member in one.present:
        if mine := _mine(member, observed):
            newest = max(mine, key=lambda f: f.until)
            newer = newest.until > member.until
            members[member.host] = replace(
                member,
                since=min(member.since, *(f.since for f in mine)),
                until=max(member.until, newest.until),
                severity=worst(f.severity for f in mine) if newer else member.severity,
                summary=newest.summary if newer else member.summary,
            )
    return replace(one, members=members)


def _mine(member: Member, observed: Mapping[str, Observation]) -> list[Finding]:
    """Return the findings of a host's trouble; those of one that was over before it are not of it."""
    seen = observed.get(member.fingerprint)
    return [one for one in seen.findings if one.until >= member.since] if seen else []


def _summed(one: Incident, observed: Mapping[str, Observation], check: Check) -> Incident:
    """Return an incident with its span, severity and summary as its hosts have them."""
    members = one.present or [m for m in one.members.values() if m.left == check.now]
    seen = [_mine(member, observed) for member in members]
    whole = replace(
        one,
        since=min(one.since, *(member.since for member in members)),
        until=max(member.until for member in one.members.values()),
        severity=worst(member.severity for member in members),
    )
    if whole.summary and not all(seen):
        return whole  # of some of its hosts nothing was said now
    findings = [finding for mine in seen for finding in mine]
    return replace(whole, summary=_summary(findings, check)) if findings else whole


def _summary(findings: Sequence[Finding], check: Check) -> str:
    """Write what an incident is, in one line: the finding's own where it is one."""
    hosts = {one.host for one in findings}
    if len(hosts) == 1:
        return max(findings, key=lambda one: one.until).summary
    told = clauses(findings, check.kinds, check.now)
    more = f"; and {count(len(told) - 1, 'more')}" if len(told) > 1 else ""
    return told[0] + more


def _left(
    one: Incident, observed: Mapping[str, Observation], check: Check, limits: Incidents
) -> Incident:
    """Return an incident without the hosts whose trouble is proven to be over."""
    members = dict(one.members)
    why: list[str] = []
    doubts: list[str] = []
    for member in one.present:
        found = member.fingerprint in observed
        if found and check.now - member.until <= limits.quiet_after:
            continue
        beyond = limits.quiet_after if found else timedelta()
        proven = check.proves(one.rule, member.host, member.until, beyond)
        if proven.over:
            members[member.host] = replace(member, left=check.now)
            why.append(proven.why)
        else:
            doubts.append(proven.why)
    rest = replace(one, members=members, doubt=doubts[0] if doubts else None)
    if not why:
        return rest
    gone = [member.host for member in one.present if members[member.host].left is not None]
    if rest.present:
        return rest.moved(one.stage, check.now, f"{_hosts(gone)} left: {why[0]}")
    return replace(rest, over=why[0])


def _hosts(hosts: Sequence[str | None]) -> str:
    """Name hosts, or count them where they are many."""
    names = sorted(host for host in hosts if host is not None)
    return listed(names) if len(names) <= _NAMED else count(len(names), "host")
