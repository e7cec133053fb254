"""One host, one moment, every cause: what brought its state about, what did not, and what nobody can know.

Nothing here knows a cause's name: rules say what they explain (`explains:`), how much a finding proves
(`strength:`) and what must be collected for their silence to count (`needs:`).
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from lastseen import evidence, hostnames, lanes, rulefile, rules, wording
from lastseen.causes import CAUSES, HEARTBEAT, Cause
from lastseen.diagnosis import Accused, Diagnosis, Evidence, RuledOut, Unknown
from lastseen.ground import Ground, Hole
from lastseen.lanes import Lanes
from lastseen.rulefile import STRENGTHS, Rule
from lastseen.rules import Finding
from lastseen.scoring import ACCUSED, LEAD, SETTLE, Factor, Score, Trouble, common, timing, unlike
from lastseen.views import Views, Window
from lastseen.workspace import Workspace

DAY = timedelta(hours=24)
"""How far back rules look, and how far before the beginning of a trouble."""
FARTHEST = timedelta(days=8)
"""How far back the beginning of a trouble is looked for."""
SHOWN = 10
"""Rows of evidence that are kept for each cause."""
HEALTHY = ("ok", "waiting")
"""States of hosts that others are compared with."""
_RECENT = timedelta(hours=1)
"""What must have been collected, at least, for a cause to be ruled out."""
_COUNTED = 1000
_HINT = 0.15
"""Below this a finding is not worth a word."""
_QUERIES = ("from host_states", "from profile_states", "from collected", "from aliases, contacts")

Row = dict[str, Any]


def host(
    space: Workspace, now: datetime, name: str, *, timeline: bool = False
) -> tuple[Diagnosis, Lanes | None]:
    """Say why one host is as it is, with the rows that show it.

    Args:
        space: The project.
        now: The moment to judge at, UTC; nothing later is known.
        name: Any name of the host.
        timeline: Also return its lanes; else None stands for them.

    Raises:
        UserError: nobody knows the host, or a rule does not run.
    """
    with space.views(now, now - FARTHEST) as views:
        views.window(Window(now - DAY, now))
        views.settle(_QUERIES)
        known = hostnames.resolve(views, name)
        row = next((row for row in _states(views) if row["host"] == known), _nobody(known))
        back = None
        if row["since"] and row["since"] < now - DAY + LEAD:
            back = max(row["since"] - DAY, now - FARTHEST)
        explaining = _explaining(space)
        found = rules.check(views, explaining, now, back)
        shared = Bench(views, explaining, found, now)
        told = shared.diagnose(row, views)
        drawn = lanes.draw([told], views.rows, shared.ground) if timeline else {}
        return told, drawn.get(known)


def everyone(space: Workspace, now: datetime) -> dict[str, Diagnosis]:
    """Say of every host why it is as it is; without the rows that show it.

    Raises:
        UserError: a rule does not run.
    """
    explaining = _explaining(space)
    with space.views(now, now - FARTHEST) as views:
        found = rules.check(views, explaining, now)
        bench = Bench(views, explaining, found, now)
        return {row["host"]: bench.diagnose(row) for row in bench.states}


def bench(space: Workspace, views: Views, found: Sequence[Finding], now: datetime) -> "Bench":
    """Return what diagnoses share, of findings that rules gave just now in a window that is still set."""
    explaining = {name: rule for name, rule in _explaining(space).items() if not rule.when_asked}
    return Bench(views, explaining, [one for one in found if one.rule in explaining], now)


def _explaining(space: Workspace) -> dict[str, Rule]:
    known = rulefile.load(space.project)
    return {name: rule for name, rule in known.items() if rule.explains}


def _states(views: Views) -> list[Row]:
    return views.rows("from host_states order by host")


def _nobody(known: str) -> Row:
    """Return the state of a host that only its check-ins tell of."""
    names = (
        "platform", "os_version", "team", "since", "not_before", "normal", "known_until", "heartbeat",
        "last_seen", "profiles", "profile", "profiles_since", "profiles_until",
    )  # fmt: skip
    return {"host": known, "state": "unknown", **dict.fromkeys(names)}


@dataclass(frozen=True)
class _Weighed:
    """A finding and its weight."""

    finding: Finding
    score: Score

    @property
    def scope(self) -> str:
        return "host" if self.finding.host is not None else "server"


class Bench:
    """What the diagnoses of one moment share: findings, how all hosts stand, what was collected."""

    def __init__(
        self, views: Views, known: Mapping[str, Rule], found: Sequence[Finding], now: datetime
    ) -> None:
        """Sort findings by host, and ask how the hosts stand.

        Args:
            views: The lake, with the window that the rules ran in.
            known: The rules that explain something.
            found: What these found.
            now: The moment that is judged, UTC.
        """
        views.settle(_QUERIES)
        self.now = now
        self.states = _states(views)
        self._rules = known
        self._found: dict[str | None, list[Finding]] = defaultdict(list)
        self._healthy = {row["host"] for row in self.states if row["state"] in HEALTHY}
        self._though_healthy: dict[str, list[Finding]] = defaultdict(list)
        for finding in found:
            self._found[finding.host].append(finding)
            if finding.host in self._healthy:
                self._though_healthy[finding.rule].append(finding)
        self.ground = Ground(views)
        self._moves = views.rows(
            "select host, before, since from profile_states "
            "where before in ('pending', 'verifying') and status in ('verifying', 'verified')"
        )
        self._judges: dict[str, list[Rule]] = defaultdict(list)
        for rule in known.values():
            if rule.explains and rule.needs:
                self._judges[rule.explains].append(rule)

    def diagnose(self, row: Row, views: Views | None = None) -> Diagnosis:
        """Answer for one host.

        Args:
            row: Its row of ``host_states``.
            views: Where to look for the rows that show a cause; None leaves them out.
        """
        trouble = self._trouble(row)
        groups: dict[str, list[_Weighed]] = defaultdict(list)
        for one in self._weigh(row, trouble):
            groups[str(one.finding.explains)].append(one)
        causes = ranked([self._accuse(cause, group, views) for cause, group in groups.items()])
        ruled_out, unknown = self._rest(row, trouble, groups.keys())
        return Diagnosis(
            row["host"], row["state"], row["since"], row["not_before"], row["known_until"], row["normal"],
            self.now, row, causes, ruled_out, unknown,
        )  # fmt: skip

    def _trouble(self, row: Row) -> Trouble:
        until = row["known_until"] or self.now
        if row["state"] in HEARTBEAT or row["state"] == "unknown":
            until = self.now
        since = row["since"] or until - DAY
        return Trouble(row["state"], since, row["not_before"] or since, max(until, since))

    def _weigh(self, row: Row, trouble: Trouble) -> Iterator[_Weighed]:
        """Yield the findings that may explain a host's state, with their weight."""
        for finding in self._found[row["host"]] + self._found[None]:
            cause = CAUSES[str(finding.explains)]
            if trouble.state not in cause.explains:
                continue
            rule = self._rules[finding.rule]
            since = finding.since or trouble.since
            score = Score((
                Factor(STRENGTHS[rule.strength], _PROOF[rule.strength]),
                timing(
                    trouble,
                    since,
                    finding.until or self.now,
                    lasting=cause.lasting or trouble.state == "failed",
                ),
                self._contrast(finding, row, trouble),
            ))  # fmt: skip
            if score.value >= _HINT:
                yield _Weighed(finding, score)

    def _contrast(self, finding: Finding, row: Row, trouble: Trouble) -> Factor:
        """Compare with the others: who has the same evidence, or who got through meanwhile."""
        if finding.host is not None:
            having = {
                one.host
                for one in self._though_healthy[finding.rule]
                if one.until is None or one.until >= trouble.not_before - LEAD
            }
            return unlike(len(having - {row["host"]}), len(self._healthy - {row["host"]}))
        since = finding.since or trouble.since
        if row.get("stale"):
            stuck = {one["host"] for one in self.states if one["stale"]}
            through = {
                one["host"]
                for one in self.states
                if one["details_at"] and one["details_at"] > since + SETTLE
            }
            return common(len(stuck | {row["host"]}), len(through - stuck))
        if trouble.state == "unknown":
            stuck = {one["host"] for one in self.states if one["state"] == "unknown"}
            through = {one["host"] for one in self.states if one["state"] in HEALTHY}
            return common(len(stuck | {row["host"]}), len(through))
        if trouble.state in HEARTBEAT:
            through = {one["host"] for one in self.states if one["heartbeat"] == "up"}
            stuck = {one["host"] for one in self.states if one["state"] == trouble.state}
            return common(len(stuck | {row["host"]}), len(through - stuck))
        through = {
            move["host"]
            for move in self._moves
            if move["before"] == trouble.state and since + SETTLE < move["since"] <= finding.until
        }
        stuck = {
            one["host"]
            for one in self.states
            if one["state"] == trouble.state and one["since"] and one["since"] >= since - SETTLE
        }
        return common(len(stuck | {row["host"]}), len(through - stuck - {row["host"]}))

    def _accuse(self, cause: str, group: list[_Weighed], views: Views | None) -> Accused:
        """Make one cause of the findings that speak for it."""
        group = sorted(group, key=lambda one: (-one.score.value, one.finding.since or self.now))
        best = group[0]
        told = [one for one in group if one.score.value * 2 >= best.score.value]
        rows: list[Evidence] = []
        if views is not None:
            rows = [row for one in told for row in _rows(one.finding, views)]
            rows = sorted(set(rows), key=lambda row: (row.ts or self.now, row.message))
        return Accused(
            cause=cause,
            scope=best.scope,
            score=best.score.value,
            since=min((one.finding.since for one in told if one.finding.since), default=self.now),
            until=max((one.finding.until for one in told if one.finding.until), default=self.now),
            summary=best.finding.summary,
            reasoning=best.score.words,
            rules=list(dict.fromkeys(one.finding.rule for one in told)),
            evidence=rows[:SHOWN],
            count=len(rows),
        )

    def _rest(
        self, row: Row, trouble: Trouble, named: Collection[str]
    ) -> tuple[list[RuledOut], list[Unknown]]:
        """Sort the causes that nothing speaks for: ruled out by logs that were there, or unknown."""
        ruled_out: dict[str, RuledOut] = {}
        unknown: dict[str, Unknown] = {}
        since = min(trouble.not_before, trouble.until - _RECENT)
        if row["state"] in HEALTHY:
            since = trouble.until - _RECENT
        told = {
            str(one.explains): f"{one.rule} found something, which did not bring this state about"
            for one in self._found[row["host"]] + self._found[None]
            if (one.until or self.now) >= since
        }
        for cause in _possible(row["state"]):
            if cause.name in named:
                continue
            holes = list(self._holes(cause, row["host"], since, trouble.until))
            missing = [hole for hole in holes if hole is not None]
            if cause.name in told:
                unknown[cause.name] = Unknown(cause.name, told[cause.name])
            elif missing:
                unknown[cause.name] = Unknown(cause.name, self._missing(missing[0]))
            elif holes:
                ruled_out[cause.name] = RuledOut(cause.name, self._by(cause, row, since))
            else:
                unknown[cause.name] = Unknown(cause.name, "no rule can rule it out")
        for name in list(unknown):
            if (other := CAUSES[name].implies) in ruled_out:
                ruled_out[name] = RuledOut(name, ruled_out[str(other)].by)
                del unknown[name]
        return list(ruled_out.values()), list(unknown.values())

    def _holes(
        self, cause: Cause, host: str, since: datetime, until: datetime
    ) -> Iterator[Hole | None]:
        """Yield, for all that must be collected to rule a cause out, which log is missing; None where it is not."""
        for rule in self._judges[cause.name]:
            for tables in rule.needs:
                yield self.ground.hole(tables, host, since, until)

    def _missing(self, hole: Hole) -> str:
        whose = f" from {hole.emitter}" if hole.emitter else ""
        if hole.last is None:
            return f"no {hole.table} was ever collected{whose}"
        return f"nothing of {hole.table} was collected{whose} after {wording.clock(hole.last, self.now)}"

    def _by(self, cause: Cause, row: Row, since: datetime) -> str:
        judges = wording.listed([rule.name for rule in self._judges[cause.name]])
        said = f"{judges} found nothing since {wording.clock(since, self.now)}"
        seen = row["last_seen"]
        if cause.name == "host-offline" and seen is not None:
            return f"seen {wording.cell(self.now - seen)} before; {said}"
        return said


_PROOF = {"strong": "states it", "fair": "fits it", "weak": "hints at it"}


def _possible(state: str) -> list[Cause]:
    """Return the causes that a state may have; of a host that is well, all that it might be in for."""
    if state in ("ok", "paused"):
        return [cause for cause in CAUSES.values() if cause.name != "collection-gap"]
    return [cause for cause in CAUSES.values() if state in cause.explains]


def ranked(causes: Sequence[Accused]) -> list[Accused]:
    """Order causes: what brings another one about comes first, then by score."""
    accused = {one.cause: one for one in causes if one.score >= ACCUSED}
    placed = []
    for one in causes:
        deeper = [accused[name] for name in CAUSES[one.cause].follows if name in accused]
        if deeper and one.accused:
            first = max(deeper, key=lambda cause: cause.score)
            placed.append(replace(one, follows=first.cause, score=min(one.score, first.score)))
        else:
            placed.append(one)
    order = list(CAUSES)
    return sorted(
        placed,
        key=lambda one: (
            (one.follows is not None and one.accused, -one.score, order.index(one.cause))
            if one.accused
            else (True, 1 - one.score, order.index(one.cause))
        ),
    )


def _rows(finding: Finding, views: Views) -> Iterator[Evidence]:
    """Yield the rows behind a finding; where its rule names none, the finding itself."""
    found = evidence.find(finding, views.rows)
    rows = views.rows(found.sql(_COUNTED)) if found else []
    view = found.view if found else finding.rule
    for row in rows:
        yield Evidence(
            row.get("ts") or row.get("since"), row.get("table") or view, row.get("emitter"), row.get("file"),
            row.get("line"), row.get("message") or finding.summary,
        )  # fmt: skip
    if not rows:
        yield Evidence(finding.since, view, None, None, None, finding.summary)
