"""Compares what lastseen says with the truth, and counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.answers import Answer
from lastseen.causes import CAUSES

ACCUSED = 0.5
"""The score from which on a cause is accused."""
SILENT = Answer("unknown", (), frozenset(), frozenset())
"""What is said of a host that lastseen does not know."""


@dataclass
class Score:
    """How well a case was answered; shares are of its stuck hosts whose cause can be seen."""

    causes: tuple[str, ...]
    observable: int = 0
    first: int = 0
    named: int = 0
    blamed: int = 0
    """Observable hosts of which a cause is accused that is neither true nor follows from what is."""
    healthy: int = 0
    accused: int = 0
    ruled_out: int = 0
    uncovered: int = 0
    """Hosts called ok though they are stuck, or nobody can know."""
    wrong: list[str] = field(default_factory=list)
    """What went wrong, for people."""

    @property
    def first_share(self) -> float:
        """Return the share whose first cause is a true one."""
        return self.first / self.observable if self.observable else 1.0

    @property
    def named_share(self) -> float:
        """Return the share of which all true causes are among the accused."""
        return self.named / self.observable if self.observable else 1.0


def of_case(truth: Mapping[str, Any], answers: Mapping[str, Answer]) -> Score:
    """Score one case."""
    score = Score(tuple(one["cause"] for one in truth["causes"]))
    for name, host in truth["hosts"].items():
        answer = answers.get(name, SILENT)
        if host["role"] == "stuck":
            _stuck(score, name, host, answer)
        elif host["role"] == "healthy":
            _healthy(score, name, host, answer)
        elif host["role"] == "unknown" and answer.state == "ok":
            score.uncovered += 1
            score.wrong.append(f"{name}: called ok, but nobody can know")
    return score


def _accused(answer: Answer) -> list[str]:
    return [cause for cause, points in answer.causes if points >= ACCUSED]


def _of_this(state: str, true: set[str]) -> set[str]:
    """Return those of the true causes that can bring a state about: who is silent, is not for want of a push."""
    if state != "silent":
        return true
    return {cause for cause in true if "silent" in CAUSES[cause].explains} or true


def _stuck(score: Score, name: str, host: Mapping[str, Any], answer: Answer) -> None:
    true = set(host["causes"])
    gone = true & answer.ruled_out
    if gone:
        score.ruled_out += 1
        score.wrong.append(f"{name}: {', '.join(sorted(gone))} is true and ruled out")
    if answer.state == "ok":
        score.uncovered += 1
        score.wrong.append(f"{name}: is {host['state']}, and called ok")
    visible = {cause for cause, seen in host["observable"].items() if seen}
    if visible != true:
        return
    true = _of_this(host["state"], true)
    score.observable += 1
    accused = _accused(answer)
    gap = "collection-gap" in true and answer.state == "unknown"
    right = gap or (bool(answer.causes) and answer.causes[0][0] in true)
    score.first += right
    score.named += gap or true <= set(accused)
    if not right or not (gap or true <= set(accused)):
        score.wrong.append(
            f"{name}: is {host['state']} for {', '.join(sorted(true))}; answered {answer.state}, "
            f"{', '.join(f'{cause} {points:.2f}' for cause, points in answer.causes[:4]) or 'no cause'}"
        )
    follows = {cause for cause in accused if true & set(CAUSES[cause].follows)}
    score.blamed += bool(set(accused) - true - follows - set(host["allowed"]))


def _healthy(score: Score, name: str, host: Mapping[str, Any], answer: Answer) -> None:
    score.healthy += 1
    wrong = set(_accused(answer)) - set(host["allowed"])
    if wrong:
        score.accused += 1
        score.wrong.append(
            f"{name}: is healthy; answered {answer.state}, {', '.join(sorted(wrong))}"
        )


@dataclass(frozen=True)
class Row:
    """One line of the table: cases of one cause or pair together."""

    name: str
    cases: int
    observable: int
    first: float
    named: float
    blamed: int
    healthy: int
    accused: int
    ruled_out: int
    uncovered: int


def row(name: str, scores: Iterable[Score]) -> Row:
    """Add cases up; a case counts as much as another, however many hosts it has."""
    found = list(scores)
    seen = [one for one in found if one.observable]
    return Row(
        name,
        len(found),
        len(seen),
        sum(one.first_share for one in seen),
        sum(one.named_share for one in seen),
        sum(one.blamed for one in found),
        sum(one.healthy for one in found),
        sum(one.accused for one in found),
        sum(one.ruled_out for one in found),
        sum(one.uncovered for one in found),
    )
