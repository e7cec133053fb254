"""When hosts are expected, and how their heartbeats stand: calendars, hours, what is learned, what nobody can know."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from support import add

from lastseen import heartbeat, rules
from lastseen.errors import UserError
from lastseen.hours import Hours, hours, spans
from lastseen.oncalendar import oncalendar
from lastseen.period import Cron, rfc3339
from lastseen.project import Project
from lastseen.rhythm import following
from lastseen.workspace import Workspace

BERLIN = "Europe/Berlin"
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
TEN = datetime(2026, 3, 10, 10, tzinfo=UTC)
"""A Tuesday; 11:00 in Berlin."""


def comes(text: str, since: str, times: int = 3) -> list[str]:
    """The moments of a calendar after another, UTC."""
    when = heartbeat.calendar(text)
    found: list[str] = []
    moment = following(when, datetime.fromisoformat(since))
    while moment is not None and len(found) < times:
        found.append(f"{moment:%m-%d %H:%M}")
        moment = following(when, moment)
    return found


# What `systemd-analyze calendar --base-time=… --iterations=…` of systemd 252 says of each.
@pytest.mark.parametrize(
    ("text", "since", "says"),
    [
        ("daily Europe/Berlin", "2026-03-28T12:00Z", ["03-28 23:00", "03-29 22:00", "03-30 22:00"]),
        ("daily Europe/Berlin", "2026-10-24T12:00Z", ["10-24 22:00", "10-25 23:00", "10-26 23:00"]),
        ("*-*-* 02:30 Europe/Berlin", "2026-03-28T12:00Z", ["03-30 00:30", "03-31 00:30", "04-01 00:30"]),
        ("*-*-* 02:30 Europe/Berlin", "2026-10-24T12:00Z", ["10-25 00:30", "10-26 01:30", "10-27 01:30"]),
        ("hourly Europe/Berlin", "2026-10-24T23:30Z", ["10-25 00:00", "10-25 02:00", "10-25 03:00"]),
        ("weekly Europe/Berlin", "2026-03-27T12:00Z", ["03-29 22:00", "04-05 22:00", "04-12 22:00"]),
        ("Mon..Thu,Sat 2:00", "2026-03-27T12:00Z", ["03-28 02:00", "03-30 02:00", "03-31 02:00"]),
        ("*-*-1..2 18:00", "2026-03-27T12:00Z", ["04-01 18:00", "04-02 18:00", "05-01 18:00"]),
        ("*-*-* 00/6:30", "2026-03-27T12:00Z", ["03-27 12:30", "03-27 18:30", "03-28 00:30"]),
        ("*-*~01", "2026-03-27T12:00Z", ["03-31 00:00", "04-30 00:00", "05-31 00:00"]),
        ("2026-05-01 1:00", "2026-03-27T12:00Z", ["05-01 01:00"]),
    ],
)  # fmt: skip
def test_a_calendar_comes_when_systemd_says(text: str, since: str, says: list[str]) -> None:
    assert comes(text, since) == says


@pytest.mark.parametrize(
    ("line", "since", "says"),
    [
        ("0 0 * * *", "2026-03-28T12:00Z", ["03-28 23:00", "03-29 22:00", "03-30 22:00"]),
        ("30 2 * * *", "2026-03-28T12:00Z", ["03-29 01:30", "03-30 00:30", "03-31 00:30"]),
        ("30 2 * * *", "2026-10-24T12:00Z", ["10-25 00:30", "10-26 01:30", "10-27 01:30"]),
        ("0 * * * *", "2026-10-24T23:30Z", ["10-25 00:00", "10-25 01:00", "10-25 02:00"]),
    ],
)
def test_a_cron_line_of_a_zone_loses_no_day_when_the_clock_is_set(
    line: str, since: str, says: list[str]
) -> None:
    assert comes(f"{line} {BERLIN}", since) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Frday", '"Frday" is no date'),
        ("*:*/15", '"*/15" is no minute; it goes from 0 to 59'),
        ("Wed..Mon 10:00", '"Wed..Mon" is no date'),
        ("*-*~03", "only ~01, the last, can be read"),
        ("02:00 Europe/Belrin", 'there is no zone "Europe/Belrin"'),
        ("2020-01-01", '"2020-01-01" never comes'),
        ("*:0/15", "comes more often than once an hour"),
        ("*/5 8 * * *", "comes more often than once an hour"),
        ("", "is no calendar"),
    ],
)
def test_what_a_calendar_cannot_say_is_told(text: str, says: str) -> None:
    with pytest.raises(UserError) as error:
        heartbeat.calendar(text)

    assert says in str(error.value)


def test_a_zone_behind_a_calendar_is_nearer_than_another() -> None:
    assert oncalendar("02:00 Asia/Tokyo", BERLIN).zone == "Asia/Tokyo"
    assert oncalendar("02:00", BERLIN).zone == BERLIN
    assert heartbeat.calendar("0 2 * * *", BERLIN) == Cron("0 2 * * *", BERLIN)


def test_hours_keep_to_the_clock_over_both_changes() -> None:
    def of(since: str) -> list[str]:
        begin = datetime.fromisoformat(since)
        found = spans(hours("08:00-18:00 Europe/Berlin"), begin, begin + 3 * DAY)
        return [f"{a:%d %H:%M}-{b:%H:%M}" for a, b in found]

    assert of("2026-03-28T00:00Z") == ["28 07:00-17:00", "29 06:00-16:00", "30 06:00-16:00"]
    assert of("2026-10-24T00:00Z") == ["24 06:00-16:00", "25 07:00-17:00", "26 07:00-17:00"]


TIMES = st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1439))
WEEKS = st.lists(TIMES, min_size=1, max_size=6).map(
    lambda found: tuple(sorted((day, begin, begin + length) for day, begin, length in found))
)


@given(
    WEEKS,
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),  # noqa: DTZ001 - made UTC below
)
@examples(deadline=None, max_examples=100)
def test_expected_spans_never_overlap_and_keep_to_the_clock(
    week: tuple[tuple[int, int, int], ...], zone: str, start: datetime
) -> None:
    since = start.replace(tzinfo=UTC)
    found = spans(Hours("", zone, week), since, since + 15 * DAY)

    assert all(begin < end for begin, end in found)
    assert all(one[1] < other[0] for one, other in pairwise(found))
    begins = {begin % 1440 for _, begin, _ in week}
    turned = {
        begin
        for begin, _ in found
        if (there := begin.astimezone(ZoneInfo(zone))).hour * 60 + there.minute not in begins
    }
    assert len(turned) <= 2  # only where a clock was set forward over a beginning


def fleet(
    project: Project,
    beats: Mapping[int, Iterable[datetime]],
    policy: str = "",
    listed: Mapping[int, str] | None = None,
    at: datetime = TEN,
) -> Workspace:
    """A proxy's log of the hosts' requests, and Fleet's list of them; a host that is `listed` was never seen."""
    project.config.write_text(policy, encoding="utf-8")
    lines = sorted((moment, number) for number, moments in beats.items() for moment in moments)
    log = project.root / "nginx_access.log"
    log.write_text(
        "".join(
            f"192.0.2.{number} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "
            '"POST /api/osquery/distributed/read HTTP/1.1" 200 67 "-" "osquery/5.17.0"\n'
            for moment, number in lines
        )
    )
    enrolled = dict.fromkeys(beats, "2026-01-12T08:00:00Z") | dict(listed or {})
    hosts = [
        {
            "id": number, "hostname": f"mac-{number}", "platform": "darwin", "primary_ip": f"192.0.2.{number}",
            "last_enrolled_at": when, "seen_time": None, "mdm": {"enrollment_status": "On (automatic)"},
        }
        for number, when in enrolled.items()
    ]  # fmt: skip
    page = {
        "pulled_at": rfc3339(at),
        "source": "fleet",
        "request": "/api/v1/fleet/hosts",
        "body": {"hosts": hosts},
    }
    snapshot = project.root / "fleet_hosts.ndjson"
    snapshot.write_text(json.dumps(page) + "\n")
    for path, form in ((log, "nginx_access"), (snapshot, "fleet_hosts")):
        assert [one.problem or one.rejects for one in add(project, path, format=form)] == [0]
    return Workspace.open(project.root)


def states(space: Workspace, now: datetime = TEN, column: str = "state") -> dict[str, object]:
    with space.views(now, now - DAY) as views:
        views.settle()
        return {row["host"]: row[column] for row in views.rows("from heartbeat_states")}


def each(step: timedelta, since: datetime, until: datetime = TEN) -> list[datetime]:
    return [since + step * number for number in range((until - since) // step + 1)]


def test_every_state_of_a_host_that_is_watched(project: Project) -> None:
    hour = TEN - 60 * MINUTE
    space = fleet(
        project,
        {
            1: each(MINUTE, hour),
            2: each(MINUTE, hour, TEN - 3 * MINUTE),
            3: each(MINUTE, hour, TEN - 20 * MINUTE),
            4: each(MINUTE, hour, TEN - 20 * MINUTE),
        },
        '[policy.host."mac-4"]\nheartbeat = { paused = true }\n',
        {5: "2026-03-10T01:00:00Z", 6: "2026-03-02T01:00:00Z"},
    )

    assert states(space) == {
        "mac-1": "up", "mac-2": "late", "mac-3": "silent", "mac-4": "paused", "mac-5": "new", "mac-6": "never",
    }  # fmt: skip
    assert states(space, column="since")["mac-3"] == TEN - 20 * MINUTE
    assert states(space, column="expected_by")["mac-2"] == TEN - 3 * MINUTE + timedelta(seconds=10)


def test_an_outage_of_lastseen_makes_nobody_silent(project: Project) -> None:
    """The log ends at 10:00 for want of a pull; three hours later nothing is known, and why."""
    space = fleet(project, {number: each(MINUTE, TEN - 60 * MINUTE) for number in range(1, 9)})
    later = TEN + timedelta(hours=3)
    told = "nothing that would tell of it was collected after 2026-03-10 10:00 UTC"

    assert set(states(space, later).values()) == {"unknown"}
    assert set(states(space, later, "why").values()) == {told}
    assert space.check(later, ["heartbeat_gap"])[0] == []


def test_what_was_lost_while_lastseen_was_down_is_no_silence(project: Project) -> None:
    """The log has a hole of three hours; who is back after it is up, who is not is unknown."""
    back = TEN - 10 * MINUTE
    before = each(MINUTE, TEN - timedelta(hours=4), TEN - timedelta(hours=3))
    beats = {number: [*before, *each(MINUTE, back)] for number in range(1, 8)}
    space = fleet(project, {**beats, 8: before})

    found = states(space)
    assert found.pop("mac-8") == "unknown"
    assert set(found.values()) == {"up"}
    assert space.check(TEN, ["heartbeat_gap"])[0] == []


OFFICE = '[policy.darwin]\nheartbeat = { hours = "Mon-Fri 08:00-18:00 Europe/Berlin" }\n'


def test_outside_its_hours_a_host_keeps_the_state_that_it_had(project: Project) -> None:
    """At 20:00 in Berlin: one went home at 17:59, one was gone at 15:00, one still works."""
    morning, evening = TEN - timedelta(hours=2), datetime(2026, 3, 10, 19, tzinfo=UTC)
    space = fleet(
        project,
        {
            1: each(2 * MINUTE, morning, datetime(2026, 3, 10, 16, 58, tzinfo=UTC)),
            2: each(2 * MINUTE, morning, datetime(2026, 3, 10, 14, tzinfo=UTC)),
            3: each(2 * MINUTE, morning, evening),
        },
        OFFICE,
        at=evening,
    )

    assert states(space, evening) == {"mac-1": "up", "mac-2": "silent", "mac-3": "up"}
    assert set(states(space, evening, "expected").values()) == {False}
    assert states(space, evening, "expected_by")["mac-1"] == datetime(
        2026, 3, 11, 7, 0, 10, tzinfo=UTC
    )
    with space.views(evening, evening - DAY) as views:
        (gap,) = rules.gaps(views, evening - DAY, evening, None)
    assert (gap["host"], gap["since"], gap["until"]) == (
        "mac-2",
        datetime(2026, 3, 10, 14, tzinfo=UTC),
        datetime(2026, 3, 10, 17, tzinfo=UTC),
    )


def test_a_nightly_check_in_is_missed_once_its_grace_is_over(project: Project) -> None:
    """At 02:00 in Berlin; one came a minute early, one did not come since the night before."""
    night = datetime(2026, 3, 10, 1, tzinfo=UTC)
    space = fleet(
        project,
        {1: [night - DAY, night - MINUTE], 2: [night - DAY], 3: each(MINUTE, night - 26 * 60 * MINUTE)},
        '[policy]\nheartbeat = { calendar = "02:00", grace = "30 minutes", zone = "Europe/Berlin" }\n'
        '[policy.host."mac-3"]\nheartbeat = { period = "1 minute" }\n',
        at=night - DAY,
    )  # fmt: skip

    assert states(space, night + 20 * MINUTE) == {"mac-1": "up", "mac-2": "late", "mac-3": "up"}
    assert states(space) == {"mac-1": "up", "mac-2": "silent", "mac-3": "up"}
    assert states(space, column="since")["mac-2"] == night
    assert states(space, column="expected_by")["mac-1"] == night + DAY


def test_a_period_is_learned_from_the_days_before(project: Project) -> None:
    """Each day the longest pause is six hours, once it was twenty; a new host has not enough days."""
    days = [TEN - DAY * number for number in range(9, 0, -1)]
    space = fleet(
        project,
        {
            1: [day + timedelta(hours=step) for day in days for step in (0, 6, 12, 18)],
            2: [
                day + timedelta(hours=step)
                for number, day in enumerate(days)
                for step in ((0, 20) if number == 4 else (0, 6, 12, 18))
            ],
            3: [TEN - timedelta(hours=40), TEN - timedelta(hours=30)],
            4: each(2 * MINUTE, TEN - timedelta(hours=26)),
        },
        '[policy]\nheartbeat = { period = "learned" }\n[policy.host."mac-4"]\nheartbeat = { period = "3 minutes" }\n',
    )

    with space.views(TEN, TEN - DAY) as views:
        found = {row["host"]: row["period"] for row in views.rows("from allowances")}
    assert found == {
        "mac-1": timedelta(hours=6),
        "mac-2": timedelta(hours=6),
        "mac-3": timedelta(seconds=10),
        "mac-4": timedelta(minutes=3),
    }


def test_a_policy_of_a_heartbeat_is_told_with_its_line(project: Project) -> None:
    project.config.write_text(
        '[policy]\nheartbeat = { calender = "daily" }\n'
        '[policy.darwin]\nheartbeat = { hours = "Mon-Fri 8-18" }\n'
        '[policy.host."a"]\nheartbeat = { calendar = "daily", period = "1 day" }\n'
        '[policy.host."b"]\nheartbeat = { paused = "soon", zone = "Mars/Olympus" }\n',
        encoding="utf-8",
    )
    with pytest.raises(UserError) as error:
        Workspace.open(project.root)

    assert str(error.value).replace(f"{project.config}:", "").splitlines() == [
        "2: unknown policy 'heartbeat_calender'; did you mean 'heartbeat_calendar'?",
        '4: "Mon-Fri 8-18" are no hours; write "always" or "Mon-Fri 08:00-18:00 Europe/Berlin"',
        "6: say either calendar or period: a calendar names its own moments",
        '8: "soon" is no day; write "2026-04-01"',
        '8: there is no zone "Mars/Olympus"; write one like Europe/Berlin',
    ]
