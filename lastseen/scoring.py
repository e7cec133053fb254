"""How much a finding accounts for a trouble: three factors that can be followed by hand.

score = strength x timing x contrast, each from 0 to 1. The same for every cause and every rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

ACCUSED = 0.5
"""From here on a cause is accused; below, it is a weak hint."""
LEAD = timedelta(hours=1)
"""Evidence this long before a trouble may still have brought it about."""
SETTLE = timedelta(minutes=15)
"""Evidence this long after a trouble began still stands at its beginning: nobody polls more often than that."""
FADE = timedelta(minutes=30)
"""Without new evidence for this long, what passes by itself has passed."""
AT_ONSET, LATER, OVER, BEFORE = 1.0, 0.6, 0.4, 0.2


@dataclass(frozen=True)
class Trouble:
    """What is to be explained: a state of a host, and its time, UTC."""

    state: str
    since: datetime
    """When it began, at the latest."""
    not_before: datetime
    """The last moment at which it was known to be otherwise."""
    until: datetime
    """How far it is known."""


@dataclass(frozen=True)
class Factor:
    """One of the three, and in words why it is what it is."""

    value: float
    words: str


@dataclass(frozen=True)
class Score:
    """The factors of one finding's weight."""

    factors: Sequence[Factor]

    @property
    def value(self) -> float:
        """The product, to two places."""
        product = 1.0
        for factor in self.factors:
            product *= factor.value
        return round(product, 2)

    @property
    def words(self) -> str:
        """How it came about, for people: ``1.0 states the cause x 0.6 began later x 1.0 ...``."""
        return " x ".join(f"{factor.value:g} ({factor.words})" for factor in self.factors)


def timing(trouble: Trouble, since: datetime, until: datetime, *, lasting: bool) -> Factor:
    """Weigh when evidence was there against when the trouble was.

    Args:
        trouble: What is to be explained.
        since: The first of the evidence.
        until: The last of it.
        lasting: One occurrence is enough to hold the trouble up; else it must go on.
    """
    if until < trouble.not_before - LEAD:
        return Factor(BEFORE, "over before it began")
    if since > trouble.since + SETTLE:
        return Factor(LATER, "began later")
    if not lasting and until < trouble.until - FADE:
        return Factor(OVER, "has passed since")
    return Factor(AT_ONSET, "was there when it began")


def unlike(having_it: int, healthy: int) -> Factor:
    """Weigh a host's own evidence: is it seen on healthy hosts as well?"""
    if not healthy:
        return Factor(1.0, "no healthy host to compare with")
    share = having_it / healthy
    return Factor(round(1 - share, 2), f"on {having_it} of {healthy} healthy hosts too")


def common(stuck: int, through: int) -> Factor:
    """Weigh evidence of the server: did others get through meanwhile?"""
    total = stuck + through
    if not through:
        return Factor(1.0, "nobody got through meanwhile")
    return Factor(round(stuck / total, 2), f"{through} of {total} got through meanwhile")
