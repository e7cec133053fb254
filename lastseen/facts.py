"""What a report tells: findings as new, still there or gone, the rows behind them, how the hosts stand."""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lastseen import adhoc, cases, database, evidence
from lastseen.cases import Case
from lastseen.diagnose import bench
from lastseen.evidence import Ask, Row
from lastseen.headline import UNKNOWN, Ground, Headline, Tally, headline, weight
from lastseen.rules import Finding
from lastseen.views import Views, Window, spill
from lastseen.workspace import Workspace

NIGHT = timedelta(hours=24)
"""What a report looks at, and how long ago "before" is."""
EVIDENCE = 10
"""Rows shown of each finding."""
SHOWN = 10
"""Findings of one rule that are shown with their rows; of more, only the sentence."""

_WHERE = "where"


@dataclass(frozen=True)
class Item:
    """One finding, and how to look at it again."""

    finding: Finding
    columns: Sequence[str] = ()
    rows: Sequence[Row] = ()
    """The rows behind it, ten at most."""
    sql: str = ""
    command: str = ""
    """What to type to see these rows again."""


@dataclass(frozen=True)
class Card:
    """The findings of one rule that have the same news."""

    rule: str
    title: str
    severity: str
    why: str
    explains: str | None
    command: str
    """What to type to run the rule again."""
    items: Sequence[Item]


@dataclass(frozen=True)
class Facts:
    """All that a template is given, but the rows that it asks for itself."""

    now: datetime
    since: datetime
    headline: Headline
    tally: Tally
    findings: Sequence[Finding]
    new: Sequence[Card]
    """Found now, and not a day before."""
    still: Sequence[Card]
    """Found now and a day before."""
    gone: Sequence[Card]
    """Found a day before, and not now."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """trouble, fine, asleep or unknown, for each host."""
    why: Sequence[Case] = ()
    """The hosts that are stuck or silent, and why; those in the same trouble are one case."""
    titles: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The rules that found something, for each host that has a finding."""


def gather(space: Workspace, now: datetime) -> tuple[Facts, Views, Ask]:
    """Run the rules at a moment and a day before it; return what that tells, and how to ask for more.

    The database that is returned reads the lake and can do nothing else.

    Raises:
        UserError: a rule does not run.
    """
    before, views = space.check(now - NIGHT)
    views.close()
    found, views = space.check(now)
    views.window(Window(now - NIGHT, now))
    views.settle()
    told = cases.gather(views, bench(space, views, found, now))
    adhoc.lock_down(views, spill(space.project))
    ask = asker(views)
    return replace(tell(found, before, now, ask), why=told), views, ask


def asker(views: Views) -> Ask:
    """Return what runs a query over views, once for each text."""
    known: dict[str, list[Row]] = {}

    def ask(query: str) -> list[Row]:
        if query not in known:
            known[query] = database.rows(adhoc.run(views, query))
        return known[query]

    return ask


def tell(found: Sequence[Finding], before: Sequence[Finding], now: datetime, ask: Ask) -> Facts:
    """Turn findings of now and of before into what a report tells."""
    hosts = ask("select host, platform, heartbeat as state from host_states order by host")
    verdicts = _verdicts(hosts, found)
    groups = {
        word: [host for host, verdict in verdicts.items() if verdict == word] for word in _WORDS
    }
    tally = Tally(*(groups[word] for word in _WORDS))
    now_keys, then_keys = {one.key for one in found}, {one.key for one in before}
    kinds = {row["host"]: row["platform"] or "" for row in hosts}
    return Facts(
        now=now,
        since=now - NIGHT,
        headline=headline(found, tally, _ground(ask), kinds, now),
        tally=tally,
        findings=found,
        new=_cards([one for one in found if one.key not in then_keys], now, ask),
        still=_cards([one for one in found if one.key in then_keys], now, ask),
        gone=_cards([one for one in before if one.key not in now_keys], now - NIGHT, None),
        verdicts=verdicts,
        titles=_titles(found),
    )


_WORDS = ("trouble", "fine", "asleep", "unknown")
_STATES = {
    "up": "fine", "late": "fine", "new": "fine", "paused": "fine", "asleep": "asleep", "silent": "trouble",
}  # fmt: skip


def _verdicts(hosts: Sequence[Row], found: Sequence[Finding]) -> dict[str, str]:
    """Say of each host whether it is in trouble, fine, asleep, or unknown for want of data."""
    troubled = {one.host for one in found if one.explains != UNKNOWN}
    doubtful = {one.host for one in found if one.explains == UNKNOWN}
    verdicts = {}
    for row in hosts:
        usual = _STATES.get(row["state"], "unknown")
        in_doubt = "unknown" if row["host"] in doubtful and usual == "fine" else usual
        verdicts[row["host"]] = "trouble" if row["host"] in troubled else in_doubt
    return verdicts


def _titles(found: Sequence[Finding]) -> dict[str, list[str]]:
    titles: dict[str, list[str]] = defaultdict(list)
    for one in found:
        if one.host is not None and one.title not in titles[one.host]:
            titles[one.host].append(one.title)
    return dict(titles)


def _ground(ask: Ask) -> Ground:
    """Say what central logs cover the window."""
    hours = ask(
        "select format, bool_or(state = 'hole') as holes from coverage_hours where covers = 'fleet' "
        "group by format order by format"
    )
    until = ask(
        "select max(until) as until from covered where covers = 'fleet' and until >= getvariable('since')"
    )
    return Ground(
        until[0]["until"] if until else None, [row["format"] for row in hours if row["holes"]]
    )


def _cards(found: Sequence[Finding], now: datetime, ask: Ask | None) -> list[Card]:
    """Group findings by rule, in the order of the first sentence."""
    groups: dict[str, list[Finding]] = defaultdict(list)
    for one in found:
        groups[one.rule].append(one)
    cards = []
    for group in sorted(groups.values(), key=lambda group: weight(group, now)):
        one = group[0]
        rule = one.rule
        items = [
            item(finding, now, ask if number < SHOWN else None)
            for number, finding in enumerate(group)
        ]
        again = f"lastseen check {shlex.quote(rule)} --now {_typed(now)}"
        cards.append(
            Card(
                rule,
                one.title,
                one.severity,
                " ".join(one.prose.split()),
                one.explains,
                again,
                items,
            )
        )
    return cards


def item(finding: Finding, now: datetime, ask: Ask | None) -> Item:
    """Return a finding with the rows behind it; without a way to ask, the finding alone.

    Raises:
        UserError: the rule's ``rows`` names nothing that can be read.
    """
    found = evidence.find(finding, ask) if ask else None
    if ask is None or found is None:
        return Item(finding)
    sql = found.sql(EVIDENCE)
    rows = [_placed(row) for row in ask(sql)]
    told = {None, finding.host}
    shown = [
        name
        for name in _named(found.columns)
        if name not in found.same and any(row[name] not in told for row in rows)
    ]
    return Item(
        finding, shown, rows, sql, f"lastseen sql --now {_typed(now)} - <<'SQL'\n{sql}\nSQL"
    )


def _named(columns: Sequence[str]) -> list[str]:
    """Return the columns to show: where a line stands is one, at the end."""
    if "file" not in columns or "line" not in columns:
        return list(columns)
    return [name for name in columns if name not in {"file", "line"}] + [_WHERE]


def _placed(row: Row) -> Row:
    """Add where a row's line stands: the end of the path, and the line."""
    if row.get("file") is None:
        return {**row, _WHERE: None}
    return {**row, _WHERE: f"{'/'.join(str(row['file']).split('/')[-2:])}:{row.get('line')}"}


def _typed(when: datetime) -> str:
    """Write a moment as a command line takes it."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
