"""One host, one moment, every cause: what brought its state about, what did not, and what nobody can know.

Nothing here knows a cause's name: rules say what they explain (`explains:`), how much a finding proves
(`strength:`) and what must be collected for their silence to count (`needs:`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from lastseen import evidence, hostnames, lanes, rulefile, rules
from lastseen.causes import CAUSES, HEARTBEAT
from lastseen.diagnosis import Accused, Diagnosis, Evidence
from lastseen.exclusion import Exclusion
from lastseen.ground import Ground
from lastseen.lanes import Lanes
from lastseen.peers import Peers
from lastseen.rulefile import STRENGTHS, Rule
from lastseen.rules import Finding
from lastseen.scoring import ACCUSED, LEAD, Factor, Score, Trouble, timing
from lastseen.views import Views, Window
from lastseen.workspace import Workspace

DAY = timedelta(hours=24)
"""How far back rules look, and how far before the beginning of a trouble."""
FARTHEST = timedelta(days=8)
"""How far back the beginning of a trouble is looked for."""
SHOWN = 10
"""Rows of evidence that are kept for each cause."""
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
        for finding in found:
            self._found[finding.host].append(finding)
        self.ground = Ground(views)
        self._peers = Peers(views, self.states, found)
        self._exclusion = Exclusion(self.ground, known, now)

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
        concerning = self._found[row["host"]] + self._found[None]
        ruled_out, unknown = self._exclusion.sort(row, trouble, groups.keys(), concerning)
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
                self._peers.contrast(finding, row, trouble),
            ))  # fmt: skip
            if score.value >= _HINT:
                yield _Weighed(finding, score)

    def _accuse(self, cause: str, group: list[_Weighed], views: Views | None) -> Accused:
        """Make one cause of the findings that speak for it."""
        group = sorted(group, key=lambda one: (-one.score.value, one.finding.since or self.now))
        best = group[0]
        told = [one for one in group if one.score.value * 2 >= best.score.value]
        rows: list[Evidence] = []
        cut = False
        if views is not None:
            rows = [row for one in told for row in _rows(one.finding, views)]
            cut = len(rows) >= _COUNTED
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
            cut=cut,
        )


_PROOF = {"strong": "states it", "fair": "fits it", "weak": "hints at it"}


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
