"""What is due when, by values: no clock, no process."""

from datetime import UTC, datetime, timedelta

import pytest

from lastseen import jobs
from lastseen.jobs import NEVER, Job, following
from lastseen.period import Cron
from lastseen.settings import Report, Schedule, Settings
from lastseen.sources import Files
from lastseen.state import Run

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PULL = Job("pull", "app", 5 * MINUTE)
NIGHTLY = Job("report", "nightly", Cron("0 6 * * *", "Europe/Berlin"))


def ran(job: Job, started: datetime, problem: str | None = None) -> Run:
    return Run(job.kind, job.name, started, started + timedelta(seconds=2), problem)


def moments(cron: Cron, start: datetime, end: datetime) -> list[str]:
    """All the moments of a line between two others, in UTC."""
    found = []
    when = following(cron, start)
    while when < end:
        found.append(f"{when:%m-%d %H:%M}")
        when = following(cron, when)
    return found


def test_a_project_has_a_job_for_each_source_rule_and_report_and_one_to_tidy() -> None:
    settings = Settings(
        sources={"app": Files(name="app", paths=("x",), every=MINUTE, deadline=HOUR)},
        reports={"nightly": Report(at="06:30", zone="Europe/Berlin")},
        schedule=Schedule(tidy=Cron("0 4 * * *")),
    )

    assert jobs.plan(settings, {"old_system": HOUR}) == [
        Job("pull", "app", MINUTE, timedelta(hours=1, minutes=10)),
        Job("rule", "old_system", HOUR),
        Job("report", "nightly", Cron("30 6 * * *", "Europe/Berlin")),
        Job("tidy", "tidy", Cron("0 4 * * *")),
    ]


@pytest.mark.parametrize(
    ("job", "last", "expected"),
    [
        (PULL, None, NOON),
        (PULL, NOON - 2 * MINUTE, NOON + 3 * MINUTE),
        (PULL, NOON - 8 * MINUTE, NOON - 3 * MINUTE),
        (PULL, NOON + HOUR, NOON),
        (NIGHTLY, None, datetime(2026, 3, 11, 5, tzinfo=UTC)),
        (NIGHTLY, datetime(2026, 3, 10, 5, tzinfo=UTC), datetime(2026, 3, 11, 5, tzinfo=UTC)),
        (NIGHTLY, datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 5, tzinfo=UTC)),
        (NIGHTLY, NOON + HOUR, datetime(2026, 3, 11, 5, tzinfo=UTC)),
    ],
    ids=[
        "a span that never ran is due now", "a span counts from the last start", "a missed span is past",
        "a start in the future is none", "a line that never ran waits for its time",
        "a line counts from the last start", "a missed line is past", "a line with a start in the future",
    ],
)  # fmt: skip
def test_when_a_job_is_due(job: Job, last: datetime | None, expected: datetime) -> None:
    assert jobs.due(job, last, NOON) == expected


def test_what_was_missed_runs_once_and_not_all_in_the_same_instant() -> None:
    pulls = [Job("pull", f"s{n}", MINUTE) for n in range(50)]
    rules = [Job("rule", name, MINUTE) for name in ("one", "two")]
    lasts = {job: ran(job, NOON - timedelta(days=3)) for job in [*pulls, *rules, NIGHTLY]}

    first = jobs.first([*pulls, *rules, NIGHTLY], lasts, NOON)

    assert [first[pulls[0]], first[pulls[49]]] == [NOON, NOON + timedelta(seconds=24.5)]
    assert {first[rule] for rule in rules} == {NOON + timedelta(seconds=25)}
    assert first[NIGHTLY] == NOON + timedelta(seconds=25.5)


def test_runs_that_were_missed_are_left_out_and_a_late_one_shifts_none() -> None:
    assert jobs.after(PULL, NOON, NOON - HOUR) == NOON
    assert jobs.after(PULL, NOON, NOON) == NOON + 5 * MINUTE
    assert jobs.after(PULL, NOON, NOON + 7 * MINUTE) == NOON + 10 * MINUTE
    assert jobs.after(PULL, NOON, NOON + HOUR) == NOON + HOUR + 5 * MINUTE


def test_a_clock_set_forward_makes_one_run_of_each_job() -> None:
    lasts = {PULL: ran(PULL, NOON)}

    first = jobs.first([PULL], lasts, NOON + HOUR)

    assert first == {PULL: NOON + HOUR}
    assert jobs.after(PULL, first[PULL], first[PULL]) == NOON + HOUR + 5 * MINUTE


def test_a_clock_set_back_stalls_no_job() -> None:
    """The newest run was dated by the clock as it was; what the journal gives is the newest before now."""
    back = NOON - HOUR

    assert jobs.due(PULL, NOON, back) == back
    assert jobs.due(PULL, back - 6 * MINUTE, back) < back
    assert jobs.due(NIGHTLY, NOON, back) == datetime(2026, 3, 11, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "now", "jump"),
    [(0.0, 0.2, None), (100.0, 129.0, None), (0.0, 3600.0, HOUR), (0.0, -3600.0, -HOUR)],
)
def test_a_clock_that_was_set_is_told_from_one_that_drifts(
    before: float, now: float, jump: timedelta | None
) -> None:
    assert jobs.jumped(before, now) == jump


@pytest.mark.parametrize(
    ("line", "days"),
    [
        ("0 6 * * 0", [8, 15]),
        ("0 6 * * 7", [8, 15]),
        ("0 6 * * sun", [8, 15]),
        ("0 6 * * 1", [9]),
        ("0 6 * * 1-5", [9, 10, 11, 12, 13]),
        ("0 6 * * mon-fri", [9, 10, 11, 12, 13]),
        ("0 6 * * 5-7", [8, 13, 14, 15]),
        ("0 6 * * 0,3", [8, 11, 15]),
        ("0 6 * * */3", [8, 11, 14, 15]),
        ("0 6 11 * *", [11]),
        ("0 6 11 * 1", [9, 11]),
        ("0 6 */5 3 *", [11]),
        ("0 6 * apr *", []),
    ],
)
def test_days_are_those_of_crontab(line: str, days: list[int]) -> None:
    """The 8th of March 2026 is a Sunday."""
    start, end = datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 16, tzinfo=UTC)

    assert moments(Cron(line), start, end) == [f"03-{day:02} 06:00" for day in days]


def test_minutes_and_hours_are_those_of_crontab() -> None:
    end = datetime(2026, 3, 10, 15, tzinfo=UTC)

    assert moments(Cron("*/40 12-14/2 * * *"), NOON, end) == [
        "03-10 12:40", "03-10 14:00", "03-10 14:40",
    ]  # fmt: skip
    assert moments(Cron("*/90 * * * *"), NOON, end) == ["03-10 13:00", "03-10 14:00"]


def test_a_line_without_any_moment_never_comes() -> None:
    assert following(Cron("0 6 30 2 *"), NOON) == NEVER
    assert list(jobs.amiss([Job("tidy", "tidy", Cron("0 6 30 2 *"))], {}, NOON)) == []


def test_six_in_berlin_is_six_in_winter_and_in_summer() -> None:
    six = Cron("0 6 * * *", "Europe/Berlin")

    assert following(six, datetime(2026, 1, 10, tzinfo=UTC)).hour == 5
    assert following(six, datetime(2026, 7, 10, tzinfo=UTC)).hour == 4


def test_a_time_that_spring_skips_comes_once_an_hour_later_by_the_clock() -> None:
    start, end = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 30, 12, tzinfo=UTC)

    assert moments(Cron("30 2 * * *", "Europe/Berlin"), start, end) == [
        "03-29 01:30", "03-30 00:30",
    ]  # fmt: skip


def test_a_time_that_comes_twice_in_autumn_counts_once() -> None:
    start, end = datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 26, 12, tzinfo=UTC)

    assert moments(Cron("30 2 * * *", "Europe/Berlin"), start, end) == [
        "10-25 00:30", "10-26 01:30",
    ]  # fmt: skip


def test_each_hour_is_each_hour_when_the_clock_changes() -> None:
    start, end = datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2026, 10, 25, 3, tzinfo=UTC)

    assert moments(Cron("30 * * * *", "Europe/Berlin"), start, end) == [
        "10-24 23:30", "10-25 00:30", "10-25 01:30", "10-25 02:30",
    ]  # fmt: skip


def test_a_night_is_good_when_all_ran_on_time_and_nothing_failed() -> None:
    lasts = {PULL: ran(PULL, NOON - 2 * MINUTE), NIGHTLY: ran(NIGHTLY, NOON - 6 * HOUR)}

    assert list(jobs.amiss([PULL, NIGHTLY], lasts, NOON)) == []


@pytest.mark.parametrize(
    ("lasts", "why"),
    [
        ({}, ["pull app never ran"]),
        ({PULL: ran(PULL, NOON - MINUTE, "no answer")}, ["pull app failed: no answer"]),
        ({PULL: ran(PULL, NOON - timedelta(days=1))},
         ["pull app is late: it last ran at 2026-03-09T12:00:00.000000Z, 1 d ago"]),
        ({PULL: ran(PULL, NOON - MINUTE), NIGHTLY: ran(NIGHTLY, NOON - MINUTE, "broken")},
         ["report nightly failed: broken"]),
    ],
)  # fmt: skip
def test_why_a_night_was_not_good(lasts: dict[Job, Run], why: list[str]) -> None:
    assert list(jobs.amiss([PULL, NIGHTLY], lasts, NOON)) == why
