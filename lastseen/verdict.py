"""A diagnosis in words: what `lastseen why` prints, and the report says of each host in trouble."""

import textwrap
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from lastseen.causes import CAUSES, HEARTBEAT
from lastseen.diagnosis import Accused, Diagnosis, Evidence, Unknown
from lastseen.lanes import Lanes
from lastseen.period import spell
from lastseen.wording import clock, count, listed

NAMED = 6
"""Hosts that a sentence names; of more, it says how many."""
ROWS = 3
"""Rows of evidence shown of each cause."""
_STATES = {
    "ok": "is well",
    "waiting": "waits, which is normal still",
    "pending": "is Pending",
    "verifying": "is Verifying",
    "failed": "has a Failed profile",
    "late": "is late",
    "silent": "is silent",
    "asleep": "is asleep",
    "paused": "is paused in lastseen.toml",
    "enrollment-pending": "is still to be enrolled (assigned in Apple Business Manager)",
    "mdm-off": "has MDM turned off",
    "unknown": "is unknown",
}
_WHO = {"host": "this host", "server": "every host"}
_LETTERS = {"up": "=", "quiet": ".", "unknown": "?", "gap": "!", "asleep": "-", "none": " "}
_LONGEST = 96
_WIDE = 118


def text(found: Diagnosis) -> Iterator[str]:
    """Yield the lines of the whole answer."""
    yield from textwrap.wrap(sentence(found), _WIDE)
    yield from _causes(found)
    if found.ruled_out:
        yield from _listing("Ruled out:", [_ruled_out(found)])
    if found.unknown:
        yield from _listing("Unknown:", list(_unknown(found.unknown)))


def sentence(found: Diagnosis, hosts: Sequence[str] = ()) -> str:
    """Say how a host stands, since when, and what would be normal; with several hosts, how they do."""
    never = found.about.get("heartbeat") == "never"
    what = "is not heard of, and never was," if never else _STATES[found.state]
    if found.about.get("stale"):
        what = "is online and its details are late"
    if len(hosts) > 1:
        named = [*hosts[:NAMED], *([f"{len(hosts) - NAMED:,} more"] if len(hosts) > NAMED else [])]
        who = listed(named)
        what = what.replace("is ", "are ", 1).replace("has ", "have ", 1)
    else:
        system = found.about.get("os_version")
        who = f"{found.host} ({system})" if system else found.host
    if found.state in ("pending", "verifying", "failed", "waiting") and found.about.get("profile"):
        what += f' (profile "{found.about["profile"]}")'
    return f"{who} {what}{_since(found)}{_normal(found)}."


def _since(found: Diagnosis) -> str:
    if found.since is None:
        return ""
    if found.state == "ok":
        return f", last seen {clock(found.about.get('last_seen'), found.now)}"
    if found.state == "unknown":
        return _last_known(found)
    began = clock(found.since, found.now)
    apart = found.since - (found.not_before or found.since)
    if apart > timedelta(minutes=10):
        began = f"{clock(found.not_before, found.now)} to {began}"
    return f" since {began}, {spell((found.known_until or found.now) - found.since)}"


def _last_known(found: Diagnosis) -> str:
    told = f": nothing that would tell was collected after {clock(found.since, found.now)}"
    if found.about.get("unserved"):
        return f": Fleet answers it with errors alone since {clock(found.since, found.now)}"
    heartbeat, profiles = found.about.get("heartbeat"), found.about.get("profiles")
    if profiles and heartbeat == "up":
        return f"{told}; a profile was {profiles} then"
    return told


def _normal(found: Diagnosis) -> str:
    if found.normal_within is None or found.state in ("ok", "unknown"):
        return ""
    whom = "for its heartbeat" if found.state in HEARTBEAT else "for an online host"
    return f"; {spell(found.normal_within)} is normal {whom}"


def _causes(found: Diagnosis) -> Iterator[str]:
    """Yield what speaks for each cause, the accused ones with the rows that show them."""
    accused = found.accused
    for number, one in enumerate(accused):
        label = "Cause" if not number else "And" if one.follows is None else "Hence"
        says = f"{CAUSES[one.cause].short} ({one.score:g}, {_WHO[one.scope]}). {one.summary}."
        yield from textwrap.wrap(f"{label}: {says}", _WIDE, subsequent_indent="  ")
        yield from _rows(one, found.now)
    hints = [one for one in found.causes if not one.accused]
    if hints:
        yield from _listing(
            "Weak hints:",
            [f"{CAUSES[one.cause].short} ({one.score:g}: {one.summary})" for one in hints],
        )
    if not accused and found.state not in ("ok", "waiting", "paused"):
        yield "Cause: not found in what was collected."


def _rows(one: Accused, now: datetime) -> Iterator[str]:
    shown = one.evidence[:ROWS]
    width = max((len(_whose(row)) for row in shown), default=0)
    for number, row in enumerate(shown):
        more = one.count - len(shown) if number == len(shown) - 1 else 0
        rest = f"  ({more:,}{'+' * one.cut} more)" if more else ""
        when = (
            f"{row.ts:%H:%M:%S}" if row.ts and row.ts.date() == now.date() else clock(row.ts, now)
        )
        said = _shortened(" ".join(row.message.split()))
        yield f"  {when}  {_whose(row):<{width}}  {said}{rest}"


def _shortened(text: str) -> str:
    """Leave out the middle of a long message: it begins with what was tried, and ends with why it failed.

    >>> _shortened("POST /commands: " + "x" * 200 + ": remote error: tls: expired certificate")[-40:]
    ': remote error: tls: expired certificate'
    """
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"


def _whose(row: Evidence) -> str:
    return row.emitter or row.table


def _ruled_out(found: Diagnosis) -> str:
    """Name what was ruled out; what a rule's silence proves needs no more words than that."""
    seen = found.about.get("last_seen")
    names = []
    for one in found.ruled_out:
        short = CAUSES[one.cause].short
        ago = (
            f" (seen {spell(found.now - seen)} ago)" if one.cause == "host-offline" and seen else ""
        )
        names.append(f"{short}{ago}")
    return f"{listed(names)}: their rules had the logs they need, and found nothing"


def _unknown(causes: Sequence[Unknown]) -> Iterator[str]:
    """Yield what is missing, once, with all that could not be judged for it."""
    groups: dict[str, list[str]] = defaultdict(list)
    for one in causes:
        groups[one.missing].append(CAUSES[one.cause].short)
    for missing, names in groups.items():
        yield f"{listed(names)}: {missing}"


def _listing(label: str, parts: Sequence[str]) -> Iterator[str]:
    """Yield parts below each other, the label before the first, in lines that fit a terminal."""
    for number, part in enumerate(parts):
        end = "." if number == len(parts) - 1 else ";"
        first = f"{label if not number else '':<12}"
        yield from textwrap.wrap(
            f"{part}{end}", _WIDE, initial_indent=first, subsequent_indent=" " * 12
        )


def timeline(lanes: Lanes) -> Iterator[str]:
    """Yield lanes as lines, a letter a slot."""
    width = max((len(lane.name) for lane in lanes.lanes), default=0)
    yield f"{'':{width}}  {lanes.since:%H:%M}, {spell(lanes.step)} a letter, to {lanes.until:%H:%M} UTC"
    for lane in lanes.lanes:
        yield f"{lane.name:{width}}  {''.join(_LETTERS[state] for state in lane.states)}"
    yield f"{'':{width}}  = seen   . nothing   ? not collected   ! evidence   - goes on"


def summary(found: Diagnosis) -> str:
    """Say why in one clause: ``push certificate: pushes fail since 08:40``."""
    if found.accused:
        first = found.accused[0]
        others = [CAUSES[one.cause].short for one in found.accused[1:] if one.follows is None]
        also = f"; also {listed(others)}" if others else ""
        return f"{CAUSES[first.cause].short}: {first.summary}{also}"
    return f"no cause found; {count(len(found.unknown), 'cause')} could not be judged"
