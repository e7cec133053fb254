"""Asks Fleet for what is not about one host: commands, activities, the push certificate, lock waits, errors.

None of it is needed for the rest, so a part that this token may not ask for is told and asked for seldom.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lastseen.pull.fleet_api import Unanswered
from lastseen.pull.fleet_visit import Visit

MOST = 5_000
"""New entries of one feed that one pull takes."""
_REMEMBERED = 1_000
"""Newest entries that are known again, at least."""


@dataclass(frozen=True)
class Part:
    """Something to ask for, and what is lost without it."""

    name: str
    """As the format, behind ``fleet_``."""
    fetch: Callable[[Visit], None]
    loss: str


def pull(visit: Visit) -> None:
    """Fetch every part.

    Raises:
        Over: there was no time for all of it.
        UserError: the server can no longer be reached.
    """
    for part in (*PARTS, *(DEBUG if visit.source.debug else ())):
        _fetch(visit, part)


def _fetch(visit: Visit, part: Part) -> None:
    """Fetch a part; what the server refused is asked for again after ``details_every``, and told meanwhile."""
    key, now = f"refused:{part.name}", visit.errand.now.timestamp()
    refused = json.loads(visit.spool.recall(key) or "{}")
    if refused and 0 <= now - refused["at"] < visit.source.details_every.total_seconds():
        visit.outcome.notes.append(refused["note"])
        return
    try:
        part.fetch(visit)
    except Unanswered as error:
        note = f"{error}; without it {part.loss}"
        if not error.refused:
            visit.outcome.problems.append(note)
            return
        visit.outcome.notes.append(note)
        visit.spool.remember({key: json.dumps({"at": now, "note": note})})
    else:
        if refused:
            visit.spool.remember({key: ""})


def _commands(visit: Visit) -> None:
    _newest(
        visit,
        "commands",
        "results",
        "updated_at",
        ("host_uuid", "command_uuid", "status", "updated_at"),
    )


def _activities(visit: Visit) -> None:
    _newest(visit, "activities", "activities", "id", ("id", "created_at"))


def _newest(visit: Visit, name: str, entries: str, order: str, key: tuple[str, ...]) -> None:
    """Fetch the entries of a list that are new since the last pull, the newest first, all of them or none."""
    memory = f"feed:{name}"
    known = json.loads(visit.spool.recall(memory) or "[]")
    path = f"/api/v1/fleet/{name}"
    taken: dict[str, None] = {}
    lines = _new_lines(
        visit, f"{path}?order_key={order}&order_direction=desc", entries, key, set(known), taken
    )
    whole = list(lines)  # at most MOST entries, and none of them counts without the last
    if not whole:
        return
    newest = [*taken, *known][: max(_REMEMBERED, 2 * visit.source.per_page)]
    visit.keep((f"fleet_{name}",), path, iter(whole), lambda: {memory: json.dumps(newest)})


def _new_lines(
    visit: Visit,
    path: str,
    entries: str,
    key: tuple[str, ...],
    known: set[str],
    taken: dict[str, None],
) -> Iterator[bytes]:
    """Yield pages with what is new on them, until one has something that is known."""
    for answer, found in visit.pages(path, entries):
        keys = [_mark([entry.get(part) for part in key]) for entry in found]
        new = {
            k: entry
            for k, entry in zip(keys, found, strict=True)
            if k not in known and k not in taken
        }
        taken.update(dict.fromkeys(new))
        if new:
            yield visit.api.line(answer, {entries: list(new.values())})
        if not known.isdisjoint(keys) or not new:
            return
        if len(taken) >= MOST:
            if known:
                visit.outcome.problems.append(
                    f"{visit.api.base}: more than {MOST} new {entries} since the last pull; the oldest are left out"
                )
            return


def _mark(entry: object) -> str:
    """Return a few letters that stand for an entry."""
    return hashlib.blake2b(json.dumps(entry).encode(), digest_size=8).hexdigest()


def _apns(visit: Visit) -> None:
    """Fetch what Fleet's push certificate is; it changes once a year, and is asked for as often as details."""
    now = visit.errand.now.timestamp()
    if (
        0
        <= now - float(visit.spool.recall("apns") or "-inf")
        < visit.source.details_every.total_seconds()
    ):
        return
    _one(visit, "apns", "/api/v1/fleet/apns", dict, {"apns": str(now)})


def _locks(visit: Visit) -> None:
    _one(visit, "db_locks", "/debug/db/locks", list, {})


def _errors(visit: Visit) -> None:
    """Fetch Fleet's errors, which it keeps for a day; an error counts again when its number grew.

    ``flush`` stays false: whoever reads with true takes them away from everybody else.
    """
    answer = visit.api.get("/debug/errors?flush=false")
    found = _of_kind(visit, answer.request, answer.body, list)
    known = set(json.loads(visit.spool.recall("errors") or "[]"))
    marks = [_mark(entry) for entry in found]
    new = [entry for entry, mark in zip(found, marks, strict=True) if mark not in known]
    if new:
        line = visit.api.line(answer, new)
        visit.keep(
            ("fleet_errors",), "/debug/errors", iter([line]), lambda: {"errors": json.dumps(marks)}
        )


def _one(visit: Visit, name: str, path: str, kind: type, remember: Mapping[str, str]) -> None:
    """Fetch a single answer, and keep it unless there is nothing in it."""
    answer = visit.api.get(path)
    if _of_kind(visit, path, answer.body, kind):
        visit.keep((f"fleet_{name}",), path, iter([visit.api.line(answer)]), lambda: remember)


def _of_kind(visit: Visit, request: str, body: Any, kind: type) -> Any:
    if body is None:
        return kind()
    if not isinstance(body, kind):
        raise visit.api.unusable(request, "JSON of another shape")
    return body


PARTS = (
    Part("commands", _commands, "which MDM commands were answered is not known"),
    Part("activities", _activities, "what administrators did is not known"),
    Part("apns", _apns, "nobody is told that the push certificate ends"),
)
DEBUG = (
    Part(
        "db_locks",
        _locks,
        "lock waits are known from logs alone; it is for admins, and debug = false leaves it out",
    ),
    Part(
        "errors",
        _errors,
        "Fleet's errors are known from logs alone; it is for admins, and debug = false leaves it out",
    ),
)
