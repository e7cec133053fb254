"""A score can be followed by hand: strength, timing and contrast, the same for every cause."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastseen.causes import CAUSES, ENROLLMENT, HEARTBEAT, PROFILE
from lastseen.diagnose import ranked
from lastseen.diagnosis import Accused
from lastseen.scoring import Factor, Score, Trouble, common, timing, unlike

NINE = datetime(2026, 3, 10, 9, tzinfo=UTC)
PENDING = Trouble("pending", NINE, NINE - timedelta(minutes=5), NINE + timedelta(hours=2))
"""Pending since some moment between 08:55 and 09:00, known until 11:00."""


def at(minutes: int) -> datetime:
    return NINE + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("since", "until", "lasting", "value"),
    [
        (-20, 120, False, 1.0),  # there before, and goes on
        (10, 120, False, 1.0),  # as soon as anybody could notice
        (-20, 95, False, 1.0),  # the last of it is half an hour old at most
        (0, 20, False, 0.4),  # what passes by itself has passed
        (0, 0, True, 1.0),  # one NotNow is enough
        (40, 120, False, 0.6),  # began later
        (40, 40, True, 0.6),
        (-300, -200, False, 0.2),  # over before it began
        (-300, -200, True, 0.2),
    ],
)
def test_evidence_counts_by_when_it_was_there(
    since: int,
    until: int,
    lasting: bool,  # noqa: FBT001 - a column of the table above
    value: float,
) -> None:
    assert timing(PENDING, at(since), at(until), lasting=lasting).value == value


def test_what_healthy_hosts_have_too_counts_less() -> None:
    assert [unlike(0, 200).value, unlike(50, 200).value, unlike(200, 200).value] == [1, 0.75, 0]
    assert unlike(0, 0).value == 1


def test_what_others_got_through_in_spite_of_counts_less() -> None:
    assert [common(2, 0).value, common(1, 1).value, common(1, 199).value] == [1, 0.5, 0.01]


def test_a_score_is_the_product_of_its_factors_and_says_so() -> None:
    score = Score((Factor(1.0, "states it"), Factor(0.6, "began later"), Factor(0.9, "on 1 of 10")))

    assert score.value == 0.54
    assert score.words == "1 (states it) x 0.6 (began later) x 0.9 (on 1 of 10)"


def accused(cause: str, score: float) -> Accused:
    return Accused(cause, "host", score, NINE, NINE, "", "", [])


def test_a_consequence_stands_behind_what_brought_it_about() -> None:
    order = ranked([accused("mdm-channel", 1.0), accused("push-certificate", 0.7)])

    assert [(one.cause, one.score, one.follows) for one in order] == [
        ("push-certificate", 0.7, None),
        ("mdm-channel", 0.7, "push-certificate"),
    ]


def test_a_mere_hint_brings_nothing_about() -> None:
    order = ranked([accused("mdm-channel", 1.0), accused("push-certificate", 0.4)])

    assert [(one.cause, one.follows) for one in order] == [
        ("mdm-channel", None),
        ("push-certificate", None),
    ]


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(CAUSES)), st.integers(0, 100)),
        unique_by=lambda one: one[0],
    )
)
def test_ranking_loses_no_cause_and_invents_none(found: list[tuple[str, int]]) -> None:
    order = ranked([accused(cause, score / 100) for cause, score in found])

    assert sorted(one.cause for one in order) == sorted(cause for cause, _ in found)
    assert all(one.accused for one in order[: sum(one.accused for one in order)])


def test_every_cause_names_states_and_causes_that_there_are() -> None:
    states = HEARTBEAT | PROFILE | ENROLLMENT | {"unknown"}

    assert all(cause.explains and cause.explains <= states for cause in CAUSES.values())
    assert all(set(cause.follows) <= CAUSES.keys() - {cause.name} for cause in CAUSES.values())
