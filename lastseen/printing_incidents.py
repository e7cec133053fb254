"""What `incidents` prints, and what a replay of the past came to."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lastseen import terminal
from lastseen.backtest import Backtest
from lastseen.contrast import CORRECTION, Contrast
from lastseen.incident import Incident, Mute, Notice, Stage, Transition
from lastseen.options import SEVERITIES
from lastseen.period import spell
from lastseen.wording import count

_FIRST = (
    Stage.OPEN, Stage.REOPENED, Stage.ACKNOWLEDGED, Stage.PENDING, Stage.MUTED, Stage.INHIBITED,
    Stage.RESOLVED, Stage.DROPPED,
)  # fmt: skip


def ordered(found: Sequence[Incident]) -> list[Incident]:
    """Return incidents as people read them: what is open first, of that the worst, then the newest."""
    return sorted(
        found,
        key=lambda one: (
            max(1, _FIRST.index(one.stage)), -SEVERITIES.index(one.severity), -one.since.timestamp(),
        ),
    )  # fmt: skip


def report(one: Incident) -> dict[str, Any]:
    """Return an incident as ``incidents --json`` has it."""
    return {
        "id": one.id,
        "state": one.stage,
        "severity": one.severity,
        "rule": one.rule,
        "cause": one.cause,
        "hosts": [member.host for member in one.present if member.host is not None],
        "since": one.since,
        "until": one.until,
        "summary": one.summary,
        "title": one.title,
        "labels": one.labels,
        "serverwide": one.serverwide,
        "recovered": [m.host for m in one.members.values() if m.left and m.host is not None],
        "seen": one.seen,
        "changed": one.changed,
        "inhibited_by": one.inhibited_by,
        "doubt": one.doubt,
    }


def detail(
    one: Incident,
    history: Sequence[Transition],
    notices: Sequence[Notice],
    contrasts: Sequence[Contrast],
) -> dict[str, Any]:
    """Return an incident with all that is known of it, as ``incidents ID --json`` has it."""
    return report(one) | {
        "members": [
            {"host": m.host, "since": m.since, "until": m.until, "left": m.left, "summary": m.summary}
            for m in one.members.values()
        ],
        "history": [
            {"at": s.at, "was": s.was, "state": s.stage, "reason": s.reason, "who": s.who}
            for s in history
        ],
        "due": [{"key": n.key, "kind": n.kind, "at": n.at, "summary": n.summary} for n in notices],
        "contrast": [
            {
                "trait": c.trait, "values": c.values, "stricken": c.stricken, "having": c.having,
                "rest_stricken": c.rest_stricken, "rest": c.rest, "odds_ratio": c.odds_ratio,
                "p": c.p, "comparisons": c.comparisons, "correction": CORRECTION, "summary": str(c),
            }
            for c in contrasts
        ],
    }  # fmt: skip


def listing(found: Sequence[Incident], *, every: bool) -> None:
    """Print incidents as a table, and below it why some are not known to be over."""
    if not found:
        print("no incidents" if every else "no open incidents")
        return
    rows = [
        {
            "id": one.id, "state": one.stage.value, "severity": one.severity, "rule": one.rule,
            "hosts": _hosts(one), "since (UTC)": _minute(one.since), "last seen (UTC)": _minute(one.until),
            "what": one.summary,
        }
        for one in found
    ]  # fmt: skip
    terminal.table(list(rows[0]), rows)
    for one in found:
        if one.doubt:
            print(terminal.harmless(f"{one.id}: {one.doubt}"))


def show(one: Incident, history: Sequence[Transition], contrasts: Sequence[Contrast]) -> None:
    """Print one incident: what it is, its hosts, what sets them apart, and its steps."""
    cause = f", cause {one.cause}" if one.cause else ""
    lines = [
        f"{one.id}: {one.summary}",
        f"{one.severity}, {one.rule}{cause}; {one.stage} since {_minute(one.changed)} UTC",
        f"evidence from {_minute(one.since)} to {_minute(one.until)} UTC",
    ]
    if one.inhibited_by is not None:
        lines.append(f"it follows from incident {one.inhibited_by}")
    if one.doubt:
        lines.append(one.doubt)
    lines += [f"what they share: {contrast}" for contrast in contrasts]
    print(terminal.harmless("\n".join(lines)))
    hosts = [
        {
            "host": member.host or "the server", "since (UTC)": _minute(member.since),
            "last seen (UTC)": _minute(member.until), "left (UTC)": _minute(member.left), "what": member.summary,
        }
        for member in one.members.values()
    ]  # fmt: skip
    terminal.table(list(hosts[0]), hosts)
    steps = [
        {
            "at (UTC)": _minute(step.at),
            "state": step.stage.value,
            "who": step.who,
            "why": step.reason,
        }
        for step in history
    ]
    terminal.table(list(steps[0]), steps)


def mutes(found: Sequence[Mute], now: datetime, *, as_json: bool) -> None:
    """Print mutes that are not over."""
    rows = [
        {
            "id": one.id, "rule": one.rule, "host": one.host, "cause": one.cause, "from (UTC)": _minute(one.since),
            "until (UTC)": _minute(one.until), "who": one.who, "reason": one.reason,
        }
        for one in found
    ]  # fmt: skip
    if as_json:
        times = [
            {"since": one.since, "until": one.until, "holds": one.since <= now < one.until}
            for one in found
        ]
        plain = [
            {key: value for key, value in row.items() if "UTC" not in key} | time
            for row, time in zip(rows, times, strict=True)
        ]
        print(terminal.as_json({"mutes": plain}))
    elif rows:
        terminal.table(list(rows[0]), rows)
    else:
        print("no mutes")


def noticed(notices: Sequence[Notice]) -> list[dict[str, Any]]:
    """Return what people are to be told, as ``check --json`` has it."""
    names = ("incident", "kind", "at", "severity", "rule", "summary")
    return [{name: getattr(one, name) for name in names} for one in notices]


def backtest(done: Backtest, *, as_json: bool) -> None:
    """Print what a replay of the past came to."""
    if as_json:
        whole = {
            "since": done.since, "until": done.until, "step_s": done.step, "moments": done.moments,
            "notices": noticed(done.notices), "incidents": list(map(report, done.incidents)),
        }  # fmt: skip
        print(terminal.as_json(whole))
        return
    rows = [
        {
            "at (UTC)": _minute(one.at), "incident": one.incident, "": one.kind, "severity": one.severity,
            "rule": one.rule, "what": one.summary,
        }
        for one in done.notices
    ]  # fmt: skip
    if rows:
        terminal.table(list(rows[0]), rows)
    live = sum(one.live for one in done.incidents)
    print(
        f"{count(len(done.incidents), 'incident')} in {spell(done.until - done.since)}, "
        f"of which {live} would not be over; replayed in steps of {spell(done.step)}"
    )


def _hosts(one: Incident) -> str:
    """Say how many hosts there are, and of how many."""
    if one.serverwide:
        return "server"
    left, whole = len(one.present), len(one.members)
    return str(whole) if left == whole else f"{left} of {whole}"


def _minute(when: datetime | None) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}" if when else ""
