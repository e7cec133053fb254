"""Incidents as the state file holds them: read, added, changed; their transitions and notices are only added."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from lastseen import state_schema
from lastseen.incident import ENDED, Incident, Member, Mute, Notice, Stage, Transition
from lastseen.state import State, moment, stamp

_COLUMNS = (
    "id", "rule", "cause", "labels", "severity", "title", "stage", "base", "since", "until", "seen",
    "changed", "summary", "inhibited_by", "doubt", "noticed",
)  # fmt: skip
_MEMBER = ("host", "fingerprint", "since", "until", "joined", "left_at", "severity", "summary")
_ENDED = ", ".join(f"'{stage}'" for stage in sorted(ENDED))
_SERVER = ""
"""How the file writes that a trouble is the server's or the whole fleet's."""


class Book:
    """The incidents of an open state file; who changes them does so within ``State.change``."""

    def __init__(self, state: State) -> None:
        self._db = state.db
        self._there = state.version > 1

    def live(self) -> list[Incident]:
        """Return the incidents that are not over, the oldest first."""
        return self._read(f"stage not in ({_ENDED})")

    def ended(self, since: datetime, stage: Stage = Stage.RESOLVED) -> list[Incident]:
        """Return the incidents that were resolved since a moment."""
        return self._read("stage = ? and changed >= ?", (stage, stamp(since)))

    def all(self) -> list[Incident]:
        """Return every incident there ever was."""
        return self._read("true")

    def one(self, number: int) -> Incident | None:
        """Return the incident of a number."""
        return next(iter(self._read("id = ?", (number,))), None)

    def last_known(self, fingerprints: Iterable[str]) -> dict[str, tuple[int, datetime]]:
        """Return the newest incident that each trouble was in, and the last evidence known of it."""
        query = (
            "select fingerprint, max(incident), max(until) from incident_host "
            "where fingerprint in (select value from json_each(?)) group by fingerprint"
        )
        rows = self._rows(query, (json.dumps(list(fingerprints)),))
        return {found: (number, moment(until)) for found, number, until in rows}

    def history(self, number: int) -> list[Transition]:
        """Return the steps of an incident, the first one first."""
        query = "select at, was, stage, reason, who from transition where incident = ? order by id"
        return [
            Transition(moment(at), Stage(was) if was else None, Stage(stage), reason, who)
            for at, was, stage, reason, who in self._rows(query, (number,))
        ]

    def notices(self, number: int) -> list[Notice]:
        """Return what people were to be told of an incident, the first one first."""
        query = (
            "select n.incident, n.kind, n.at, i.severity, i.rule, n.summary from notice as n "
            "join incident as i on i.id = n.incident where n.incident = ? order by n.at, n.key"
        )
        return [
            Notice(one, kind, moment(at), severity, rule, summary)
            for one, kind, at, severity, rule, summary in self._rows(query, (number,))
        ]

    def mutes(self, until: datetime | None = None) -> list[Mute]:
        """Return the mutes, of all or of those that end after a moment."""
        query = "select id, who, reason, rule, host, cause, since, until from mute where until > ? order by id"
        after = stamp(until) if until else -(2**62)
        return [
            Mute(number, who, reason, rule, host, cause, moment(since), moment(end))
            for number, who, reason, rule, host, cause, since, end in self._rows(query, (after,))
        ]

    def judged(self) -> datetime | None:
        """Return the moment that incidents were last brought up to; None where they never were."""
        for (at,) in self._rows("select max(at) from judged"):
            return None if at is None else moment(at)
        return None

    def judge(self, now: datetime) -> None:
        """Note the moment that incidents were brought up to."""
        self._db.execute("delete from judged")
        self._db.execute("insert into judged values (?)", (stamp(now),))

    def number(self) -> int:
        """Return the number of the next incident."""
        ((newest,),) = self._rows("select coalesce(max(id), 0) from incident")
        return int(newest) + 1

    def write(self, one: Incident) -> Incident:
        """Write an incident down as it is now, with the steps that are new; return it without these."""
        places = ", ".join("?" * len(_COLUMNS))
        changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
        self._db.execute(
            f"insert into incident ({', '.join(_COLUMNS)}) values ({places}) "
            f"on conflict (id) do update set {changes}",
            _row(one),
        )
        # Who left makes room first: a trouble is in one live incident at most.
        members = sorted(one.members.values(), key=lambda member: member.left is None)
        self._db.executemany(
            f"insert into incident_host (incident, {', '.join(_MEMBER)}) "
            f"values ({', '.join('?' * (len(_MEMBER) + 1))}) on conflict (incident, host) do update set "
            + ", ".join(f"{name} = excluded.{name}" for name in _MEMBER[1:]),
            [(one.id, *_member_row(member)) for member in members],
        )
        self._db.executemany(
            "insert into transition (incident, at, was, stage, reason, who) values (?, ?, ?, ?, ?, ?)",
            [(one.id, stamp(s.at), s.was, s.stage, s.reason, s.who) for s in one.fresh],
        )
        return replace(one, fresh=())

    def tell(self, notice: Notice) -> None:
        """Note that people are to be told something; the same is noted once."""
        self._db.execute(
            "insert or ignore into notice (key, incident, kind, at, summary) values (?, ?, ?, ?, ?)",
            (notice.key, notice.incident, notice.kind, stamp(notice.at), notice.summary),
        )

    def mute(self, mute: Mute, now: datetime) -> int:
        """Add a mute; return its number."""
        row = (
            stamp(now), mute.who, mute.reason, mute.rule, mute.host, mute.cause, stamp(mute.since),
            stamp(mute.until),
        )  # fmt: skip
        done = self._db.execute(
            "insert into mute (made, who, reason, rule, host, cause, since, until) values (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        return int(done.lastrowid or 0)

    def unmute(self, number: int, now: datetime) -> None:
        """End a mute now."""
        self._db.execute(
            "update mute set until = ? where id = ? and until > ?", (stamp(now), number, stamp(now))
        )

    def _read(self, where: str, values: Sequence[object] = ()) -> list[Incident]:
        chosen = f"select {', '.join(_COLUMNS)} from incident where {where} order by id"
        members: dict[int, dict[str | None, Member]] = defaultdict(dict)
        query = (
            f"select incident, {', '.join(_MEMBER)} from incident_host "
            f"where incident in (select id from incident where {where}) order by incident, host"
        )
        for number, *row in self._rows(query, values):
            member = _member(row)
            members[number][member.host] = member
        return [_incident(row, members[row[0]]) for row in self._rows(chosen, values)]

    def _rows(self, query: str, values: Sequence[object] = ()) -> Sequence[Any]:
        """Ask the file; one of a version that knew no incidents has none."""
        return self._db.execute(query, values).fetchall() if self._there else ()


def copied(state: State) -> State:
    """Return a state in memory with all that a file holds: to try what would become of it."""
    return State(state.path, lambda _: _duplicate(state.db))


def _duplicate(db: sqlite3.Connection) -> sqlite3.Connection:
    twin = sqlite3.connect(":memory:", isolation_level=None)
    db.backup(twin)
    (version,) = twin.execute("pragma user_version").fetchone()
    twin.executescript(state_schema.script(version))
    return twin


def _row(one: Incident) -> tuple[object, ...]:
    return (
        one.id, one.rule, one.cause, json.dumps(one.labels, sort_keys=True), one.severity, one.title,
        one.stage, one.base, stamp(one.since), stamp(one.until), stamp(one.seen), stamp(one.changed),
        one.summary, one.inhibited_by, one.doubt, stamp(one.noticed) if one.noticed else None,
    )  # fmt: skip


def _incident(row: Sequence[Any], members: dict[str | None, Member]) -> Incident:
    found = dict(zip(_COLUMNS, row, strict=True))
    for name in ("since", "until", "seen", "changed"):
        found[name] = moment(found[name])
    found["noticed"] = None if found["noticed"] is None else moment(found["noticed"])
    found["labels"] = json.loads(found["labels"])
    found["stage"], found["base"] = Stage(found["stage"]), Stage(found["base"])
    return Incident(**found, members=members)


def _member_row(one: Member) -> tuple[object, ...]:
    return (
        one.host or _SERVER, one.fingerprint, stamp(one.since), stamp(one.until), stamp(one.joined),
        stamp(one.left) if one.left else None, one.severity, one.summary,
    )  # fmt: skip


def _member(row: Sequence[Any]) -> Member:
    host, fingerprint, since, until, joined, left, severity, summary = row
    return Member(
        host or None, fingerprint, moment(since), moment(until), moment(joined),
        None if left is None else moment(left), severity, summary,
    )  # fmt: skip
