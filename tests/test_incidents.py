"""What becomes of incidents, check by check: who joins and leaves, what stage they come to, who is told."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastseen import handling, incidents, rulefile, state_schema
from lastseen import state as state_file
from lastseen.errors import UserError
from lastseen.incident import ENDED, Incident, Mute, Stage
from lastseen.incident_book import Book, copied
from lastseen.incidents import Check
from lastseen.proof import Proven
from lastseen.rules import Finding
from lastseen.settings import Incidents
from lastseen.sqlfile import SqlFile
from lastseen.state import State

NINE = datetime(2026, 3, 10, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def rule(name: str, **header: str) -> rulefile.Rule:
    header = {
        "title": name.title(), "severity": "medium", "window": "24 hours", "alert": "{host} is " + name,
    } | header  # fmt: skip
    return rulefile.parse(SqlFile(Path(f"{name}.sql"), header, {}, "", "select 1", 1))


RULES = {
    one.name: one
    for one in (
        rule("silent", explains="host-offline", together="{hosts} {have} been silent {when}"),
        rule("broken", explains="server-error"),
        rule("refused", explains="tls-trust", rows="certificate_errors (host, purpose)"),
        rule("gone", explains="collection-gap", key="format"),
    )
}


def found(
    name: str, host: str | None, since: datetime, until: datetime, **evidence: object
) -> Finding:
    one = RULES[name]
    who = host or "the server"
    return Finding(
        name, one.severity, one.title, host, since, until, f"{who} is {name}", evidence, "",
        one.explains, one.together, one.rows,
    )  # fmt: skip


def memory() -> State:
    return State(Path("memory"), lambda _: state_file.fresh())


@dataclass
class Fleet:
    """A book of incidents in memory, and the checks that are done with it."""

    state: State = field(default_factory=memory)
    limits: Incidents = field(default_factory=Incidents)
    collected: bool = True
    """Whether the logs that would tell of the end are there."""

    @property
    def book(self) -> Book:
        return Book(self.state)

    def check(
        self, now: datetime, *findings: Finding, ran: Sequence[str] = tuple(RULES)
    ) -> list[str]:
        """Do a check; return what people are to be told, "3 opened"."""
        check = Check(now, {name: RULES[name] for name in ran}, findings, self.proves, {})
        with self.state.change():
            notices = incidents.update(self.book, check, self.limits)
        return [f"{one.incident} {one.kind}" for one in notices]

    def proves(self, _name: str, _host: str | None, _until: datetime, _beyond: timedelta) -> Proven:
        return Proven(self.collected, "the logs went on" if self.collected else "nothing collected")

    def stage(self, number: int = 1) -> Stage:
        return self.one(number).stage

    def one(self, number: int = 1) -> Incident:
        return handling.known(self.book, number)

    def steps(self, number: int = 1) -> list[str]:
        return [str(step.stage) for step in self.book.history(number)]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def silent(host: str, since: datetime, until: datetime) -> Finding:
    return found("silent", host, since, until)


def test_sixty_hosts_that_fall_silent_within_minutes_are_one_incident(fleet: Fleet) -> None:
    macs = [
        silent(f"mac-{n:02}", NINE + n * timedelta(seconds=8), NINE + 20 * MINUTE)
        for n in range(60)
    ]

    told = fleet.check(NINE + 20 * MINUTE, *macs)

    assert told == ["1 opened"]
    one = fleet.one()
    assert one.summary == "60 hosts have been silent since 09:00"
    assert (len(one.present), one.since) == (60, NINE)


def test_a_host_that_was_silent_for_days_does_not_take_in_those_of_today(fleet: Fleet) -> None:
    old = silent("linux-1", NINE - 200 * HOUR, NINE)
    fleet.check(NINE, old)

    told = fleet.check(NINE + 10 * MINUTE, old, silent("a", NINE, NINE), silent("b", NINE, NINE))

    assert told == ["2 opened"]
    assert [len(one.members) for one in fleet.book.live()] == [1, 2]


def test_a_host_joins_later_and_that_is_told_only_when_the_interval_is_over(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    first = silent("a", NINE, now)
    fleet.check(now, first)

    told = [
        fleet.check(now + 2 * MINUTE, first, silent("b", NINE + 4 * MINUTE, now)),
        fleet.check(now + 5 * MINUTE, first, silent("b", NINE + 4 * MINUTE, now)),
        fleet.check(now + 10 * MINUTE, first, silent("b", NINE + 4 * MINUTE, now)),
    ]

    assert told == [[], ["1 changed"], []]
    assert [step.reason for step in fleet.book.history(1)][2:] == ["b joined"]


def test_a_chain_of_hosts_is_one_incident_however_far_its_ends_lie(fleet: Fleet) -> None:
    hosts = [silent(f"h{n}", NINE + n * 4 * MINUTE, NINE + HOUR) for n in range(10)]

    assert fleet.check(NINE + HOUR, *hosts) == ["1 opened"]


def test_hosts_that_recover_leave_and_the_last_one_ends_it(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    fleet.check(now, silent("a", NINE, now), silent("b", NINE, now))

    later = now + 6 * MINUTE
    told = fleet.check(later, silent("a", NINE, later))

    assert told == ["1 changed"]
    assert [member.host for member in fleet.one().present] == ["a"]
    assert fleet.check(later + 6 * MINUTE) == ["1 resolved"]
    assert fleet.steps() == ["pending", "open", "open", "resolved"]
    assert fleet.book.history(1)[-1].reason == "the logs went on"


def test_without_coverage_nothing_is_resolved_and_it_says_so(fleet: Fleet) -> None:
    fleet.check(NINE + MINUTE, silent("a", NINE, NINE))
    fleet.collected = False

    fleet.check(NINE + 2 * HOUR)

    assert (fleet.stage(), fleet.one().doubt) == (Stage.OPEN, "nothing collected")
    fleet.collected = True
    assert fleet.check(NINE + 3 * HOUR) == ["1 resolved"]
    assert fleet.one().doubt is None


def test_what_is_gone_before_the_wait_is_over_was_never_open(fleet: Fleet) -> None:
    now = NINE + timedelta(seconds=10)

    told = [fleet.check(now, silent("a", NINE, now)), fleet.check(now + 5 * MINUTE)]

    assert told == [[], []]
    assert fleet.steps() == ["pending", "dropped"]


def test_what_outlives_the_wait_is_open(fleet: Fleet) -> None:
    now = NINE + timedelta(seconds=10)
    fleet.check(now, silent("a", NINE, now))

    assert fleet.check(now + MINUTE, silent("a", NINE, now)) == ["1 opened"]


def test_what_a_rule_still_finds_in_its_window_is_over_when_it_was_quiet_long_enough(
    fleet: Fleet,
) -> None:
    refused = found("refused", "a", NINE, NINE + MINUTE, purpose="tls")
    fleet.check(NINE + 2 * MINUTE, refused)

    told = [fleet.check(NINE + hours * HOUR, refused) for hours in (1, 2, 3)]

    assert told == [[], ["1 resolved"], []]


def test_a_trouble_that_was_over_when_it_was_first_seen_is_told_once(fleet: Fleet) -> None:
    refused = found("refused", "a", NINE, NINE + MINUTE, purpose="tls")

    assert fleet.check(NINE + 9 * HOUR, refused) == ["1 resolved"]
    assert fleet.check(NINE + 10 * HOUR, refused) == []
    assert fleet.steps() == ["pending", "open", "resolved"]


def test_new_evidence_opens_the_same_incident_again_within_a_day(fleet: Fleet) -> None:
    fleet.check(NINE + MINUTE, silent("a", NINE, NINE))
    fleet.check(NINE + 10 * MINUTE)

    late = NINE + 20 * HOUR
    assert fleet.check(late, silent("a", late - 5 * MINUTE, late)) == ["1 reopened"]
    assert (fleet.stage(), fleet.one().since) == (Stage.REOPENED, late - 5 * MINUTE)


def test_after_a_day_it_is_a_new_incident(fleet: Fleet) -> None:
    fleet.check(NINE + MINUTE, silent("a", NINE, NINE))
    fleet.check(NINE + 10 * MINUTE)

    late = NINE + 25 * HOUR
    assert fleet.check(late, silent("a", late - 5 * MINUTE, late)) == ["2 opened"]


def test_an_outage_does_not_reopen_the_incident_of_one_host_in_it(fleet: Fleet) -> None:
    fleet.check(NINE + MINUTE, silent("a", NINE, NINE))
    fleet.check(NINE + 10 * MINUTE)

    late = NINE + HOUR
    assert fleet.check(late, *(silent(host, late - 5 * MINUTE, late) for host in "abcd")) == [
        "2 opened"
    ]


def test_troubles_that_the_rule_tells_apart_are_never_one(fleet: Fleet) -> None:
    now = NINE + MINUTE
    told = fleet.check(
        now,
        found("gone", "a", NINE, now, format="orbit"),
        found("gone", "b", NINE, now, format="unified_log"),
        found("refused", "a", NINE, now, purpose="tls"),
        found("refused", "b", NINE, now, purpose="scep"),
    )

    assert told == ["1 opened", "2 opened", "3 opened", "4 opened"]


def test_findings_of_one_trouble_of_a_host_are_one(fleet: Fleet) -> None:
    bursts = [found("broken", None, NINE + n * HOUR, NINE + n * HOUR + MINUTE) for n in range(3)]

    assert fleet.check(NINE + 2 * HOUR + 2 * MINUTE, *bursts) == ["1 opened"]
    assert fleet.one().until == NINE + 2 * HOUR + MINUTE


def test_what_follows_from_a_trouble_of_the_server_is_not_told_by_itself(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    server = found("broken", None, NINE, now)

    told = fleet.check(now, silent("a", NINE - MINUTE, now), server)

    assert told == ["2 opened"]
    assert (fleet.stage(1), fleet.one(1).inhibited_by) == (Stage.INHIBITED, 2)


def test_what_began_before_the_servers_trouble_is_told(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    told = fleet.check(now, silent("a", NINE - HOUR, now), found("broken", None, NINE, now))

    assert told == ["1 opened", "2 opened"]


def test_a_cause_that_does_not_follow_is_told(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    told = fleet.check(
        now, found("refused", "a", NINE, now, purpose="tls"), found("broken", None, NINE, now)
    )

    assert told == ["1 opened", "2 opened"]


def test_what_outlives_the_servers_trouble_is_told_by_itself(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    down = [silent("a", NINE, now), silent("b", NINE, now)]
    fleet.check(now, found("broken", None, NINE, now), *down)

    assert fleet.check(now + 3 * MINUTE, *down) == ["1 resolved"]
    assert fleet.stage(2) is Stage.INHIBITED
    much = now + HOUR
    assert fleet.check(much, silent("a", NINE, much)) == ["2 opened"]
    assert fleet.book.history(2)[-1].reason == "it goes on, though incident 1 is over"


def test_what_ends_with_the_servers_trouble_is_never_told(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    fleet.check(now, found("broken", None, NINE, now), silent("a", NINE, now))

    assert fleet.check(now + 5 * MINUTE) == ["1 resolved"]
    assert fleet.stage(2) is Stage.RESOLVED


def test_one_that_nobody_takes_on_is_told_again_and_an_acknowledged_one_is_not(
    fleet: Fleet,
) -> None:
    def there(hours: int) -> list[str]:
        now = NINE + hours * HOUR
        return fleet.check(now, silent("a", NINE, now))

    told = [there(1), there(4), there(5)]
    handling.acknowledge(fleet.book, 1, "ann", "on it", NINE + 5 * HOUR)

    assert told == [["1 opened"], [], ["1 repeated"]]
    assert (there(12), fleet.stage()) == ([], Stage.ACKNOWLEDGED)
    last = fleet.book.history(1)[-1]
    assert (last.who, last.reason) == ("ann", "on it")


def test_what_somebody_resolved_comes_back_only_with_newer_evidence(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    fleet.check(now, silent("a", NINE, now))
    handling.resolve(fleet.book, 1, "ann", "rebooted", now + MINUTE)

    told = [
        fleet.check(now + 2 * MINUTE, silent("a", NINE, until)) for until in (now, now + MINUTE)
    ]

    assert told == [[], ["1 reopened"]]
    with pytest.raises(UserError, match="incident 2"):
        handling.resolve(fleet.book, 2, "ann", "x", now)


def silence(host: str | None = None, **what: str) -> Mute:
    return Mute(0, "ann", "works", what.get("rule"), host, what.get("cause"), NINE, NINE + HOUR)


@pytest.mark.parametrize(
    ("mute", "stages"),
    [
        (silence("MAC-*"), ["muted", "open"]),
        (silence(rule="silent"), ["muted", "muted"]),
        (silence(cause="host-offline"), ["muted", "muted"]),
        (silence("mac-*", rule="refused"), ["open", "open"]),
        (silence("linux-1"), ["open", "muted"]),
    ],
)
def test_a_mute_silences_what_it_names_and_no_more(
    fleet: Fleet, mute: Mute, stages: list[str]
) -> None:
    now = NINE + 30 * MINUTE
    handling.mute(fleet.book, mute, NINE, fleet.limits)

    fleet.check(now, silent("mac-1", NINE, now), silent("linux-1", NINE + 20 * MINUTE, now))

    assert [one.stage for one in fleet.book.live()] == stages


def test_after_a_mute_what_goes_on_is_told_and_what_ended_in_it_never_is(fleet: Fleet) -> None:
    now = NINE + 30 * MINUTE
    handling.mute(fleet.book, silence("*"), NINE, fleet.limits)
    hosts = [silent("a", NINE, now), silent("b", NINE + 20 * MINUTE, now)]
    first = fleet.check(now, *hosts)

    late = NINE + HOUR
    assert (first, fleet.check(late, silent("a", NINE, late))) == ([], ["1 opened"])
    assert fleet.stage(2) is Stage.RESOLVED


def test_unmuting_ends_it_at_once(fleet: Fleet) -> None:
    now = NINE + 30 * MINUTE
    number = handling.mute(fleet.book, silence("*"), NINE, fleet.limits)
    fleet.check(now, silent("a", NINE, now))

    handling.unmute(fleet.book, number, now + MINUTE, fleet.limits)

    assert (fleet.stage(), fleet.book.mutes(now + MINUTE)) == (Stage.OPEN, [])
    with pytest.raises(UserError, match="there is no mute 1 that is not over"):
        handling.unmute(fleet.book, number, now + MINUTE, fleet.limits)


def test_an_incident_with_a_host_that_no_mute_names_is_told(fleet: Fleet) -> None:
    now = NINE + 30 * MINUTE
    handling.mute(fleet.book, silence("a"), NINE, fleet.limits)

    assert fleet.check(now, silent("a", NINE, now), silent("b", NINE, now)) == ["1 opened"]


def test_a_rule_that_did_not_run_says_nothing_of_its_incidents(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    fleet.check(now, silent("a", NINE, now))

    assert fleet.check(now + HOUR, ran=["broken"]) == []
    assert fleet.stage() is Stage.OPEN


def test_a_check_of_the_past_or_of_the_future_is_stale(fleet: Fleet) -> None:
    clock = NINE + HOUR
    fleet.check(NINE)

    assert incidents.stale(fleet.book, NINE, clock) is None
    assert incidents.stale(fleet.book, NINE + MINUTE, clock) is None
    assert (
        incidents.stale(fleet.book, NINE - MINUTE, clock)
        == "they were brought up to 2026-03-10 09:00:00 UTC before"
    )
    assert incidents.stale(fleet.book, clock + HOUR, clock) == "that moment is still to come"


def test_a_clock_that_was_wrong_does_not_stop_incidents_for_ever(fleet: Fleet) -> None:
    fleet.check(NINE + 9000 * HOUR)

    assert incidents.stale(fleet.book, NINE, NINE) is None


def test_transitions_cannot_be_changed_or_deleted(fleet: Fleet) -> None:
    fleet.check(NINE + MINUTE, silent("a", NINE, NINE))

    for change in ("update transition set reason = 'x'", "delete from transition"):
        with pytest.raises(sqlite3.IntegrityError, match="transitions are only added"):
            fleet.state.db.execute(change)


def test_a_state_of_the_version_before_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "lastseen.sqlite"
    with sqlite3.connect(path) as old:
        old.executescript(state_schema.STEPS[0] + "pragma user_version = 1;")
        old.execute("insert into memory values ('fleet', 'cursor', '11')")
    old.close()

    with state_file.look(path) as known:
        assert Book(known).live() == []
        with copied(known) as twin:
            assert Fleet(twin).check(NINE + MINUTE, silent("a", NINE, NINE)) == ["1 opened"]
    with State(path) as state:
        assert Fleet(state).check(NINE + MINUTE, silent("a", NINE, NINE)) == ["1 opened"]
        assert state.db.execute("select value from memory").fetchall() == [("11",)]


HOSTS = st.sampled_from(["a", "b", "c", None])
SPANS = st.integers(0, 90)
FINDINGS = st.lists(
    st.tuples(st.sampled_from(["silent", "broken", "refused"]), HOSTS, SPANS), max_size=5
)
ACTS = st.one_of(
    st.tuples(st.just("check"), FINDINGS, st.booleans()),
    st.tuples(st.just("ack"), st.integers(1, 4), st.none()),
    st.tuples(st.just("resolve"), st.integers(1, 4), st.none()),
    st.tuples(st.just("mute"), HOSTS, st.none()),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([1, 6, 70, 300, 1500]), ACTS), max_size=12))
def test_whatever_happens_what_must_hold_of_incidents_holds(
    acts: list[tuple[int, tuple[str, object, object]]],
) -> None:
    fleet, now = Fleet(), NINE
    before: Mapping[int, list[object]] = {}
    for minutes, act in acts:
        now += minutes * MINUTE
        do(fleet, now, act)
        before = held(fleet, before)


def do(fleet: Fleet, now: datetime, act: tuple[str, object, object]) -> None:
    kind, what, more = act
    if kind == "check":
        assert isinstance(what, list)
        fleet.collected = bool(more)
        findings = [
            found(name, host, now - ago * MINUTE, now - ago * MINUTE / 2)
            for name, host, ago in what
        ]
        resolved = {one.id for one in fleet.book.all() if one.stage in ENDED}
        fleet.check(now, *findings)
        if not more:
            assert {one.id for one in fleet.book.all() if one.stage in ENDED} <= resolved
        whole = dump(fleet)
        assert fleet.check(now, *findings) == []
        assert dump(fleet) == whole, "the same check again changes nothing"
        return
    try:
        if kind == "ack":
            assert isinstance(what, int)
            handling.acknowledge(fleet.book, what, "ann", "", now)
        elif kind == "resolve":
            assert isinstance(what, int)
            handling.resolve(fleet.book, what, "ann", "done", now)
        else:
            host = str(what) if what else None
            mute = Mute(0, "ann", "", None if host else "silent", host, None, now, now + HOUR)
            handling.mute(fleet.book, mute, now, fleet.limits)
    except UserError as error:
        assert "incident" in str(error)  # noqa: PT017 - what there is none of, or what is over


def held(fleet: Fleet, before: Mapping[int, list[object]]) -> dict[int, list[object]]:
    """See that all that must hold does; return the steps of each incident, which may only grow."""
    everything = fleet.book.all()
    steps: dict[int, list[object]] = {
        one.id: list(fleet.book.history(one.id)) for one in everything
    }
    for number, known in before.items():
        assert steps[number][: len(known)] == known, "steps are only added"
    live = Counter(m.fingerprint for one in everything for m in one.present)
    assert all(number == 1 for number in live.values()), "a trouble is in one live incident"
    for one in everything:
        history = fleet.book.history(one.id)
        assert history[-1].stage is one.stage
        assert all(step.was is last.stage for last, step in pairwise(history))
        assert bool(one.present) == one.live
        assert one.since <= one.until
        assert (one.stage is Stage.INHIBITED) == (one.inhibited_by is not None and one.live)
    return steps


def dump(fleet: Fleet) -> list[str]:
    return list(fleet.state.db.iterdump())


def test_a_notice_is_noted_once_under_a_key_of_its_own(fleet: Fleet) -> None:
    now = NINE + 10 * MINUTE
    fleet.check(now, silent("a", NINE, now))
    fleet.check(now, silent("a", NINE, now))

    (notice,) = fleet.book.notices(1)
    assert notice.key == f"1/opened/{now.timestamp():.6f}"
    assert json.loads(json.dumps(notice.kind)) == "opened"


def two_books(path: Path) -> Iterator[Fleet]:
    for _ in range(2):
        with State(path) as state:
            yield Fleet(state)


def test_what_one_process_wrote_another_goes_on_with(tmp_path: Path) -> None:
    now = NINE + 10 * MINUTE
    told = [
        one.check(now, silent("a", NINE, now)) for one in two_books(tmp_path / "lastseen.sqlite")
    ]

    assert told == [["1 opened"], []]
