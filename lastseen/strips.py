"""Time as a strip: one small picture a row, told apart by shape as well as by colour.

The shapes are the same everywhere: a band of middle height is well, a full block is trouble, a low
line is quiet, pickets are what nobody knows. Runs of one state are one rectangle, so that thousands
of strips make a small page.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from markupsafe import Markup, escape

from lastseen.period import spell

HEIGHT = 16
_SHAPES = {
    "up": ("ok", 5, 6),
    "covered": ("ok", 5, 6),
    "gap": ("bad", 0, 16),
    "hole": ("bad", 0, 16),
    "asleep": ("low", 13, 3),
    "quiet": ("low", 13, 3),
    "none": ("low", 15, 0),
}
"""The class, top and height of each state; any other is drawn as pickets."""
_LETTERS = {
    "gap": "!",
    "hole": "!",
    "unknown": "?",
    "never": "?",
    "asleep": "z",
    "quiet": ".",
    "up": "=",
    "covered": "=",
}
"""The worst first: one letter may stand for several slots."""


def strip(states: Sequence[str], slot: timedelta, name: str) -> Markup:
    """Draw states side by side as SVG, as wide as its place.

    Args:
        states: A slot each.
        slot: How long one is, for the text alternative.
        name: What it is of.
    """
    paths: dict[str, list[str]] = {}
    at = 0
    for state, run in groupby(states):
        width = len(list(run))
        kind, top, height = _SHAPES.get(state, ("none", 4, 8))
        paths.setdefault(kind, []).append(
            _pickets(at, width) if kind == "none" else _bar(at, width, top, height)
        )
        at += width
    drawn = "".join(
        f'<path class="{kind}" d="{"".join(parts)}"/>' for kind, parts in sorted(paths.items())
    )
    label = escape(f"{name}: {told(states, slot)}")
    return Markup(  # noqa: S704 - numbers and names of our own, and an escaped label
        f'<svg class="strip" viewBox="0 0 {max(at, 1)} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{label}">{drawn}</svg>'
    )


def told(states: Sequence[str], slot: timedelta) -> str:
    """Say in words how long each state lasted.

    >>> told(["up", "up", "gap"], timedelta(minutes=15))
    'up 30 min, gap 15 min'
    """
    lengths: dict[str, int] = {}
    for state in states:
        lengths[state] = lengths.get(state, 0) + 1
    parts = [
        f"{state} {spell(slot * number)}"
        for state, number in sorted(lengths.items(), key=lambda one: -one[1])
    ]
    return ", ".join(parts) or "nothing"


def letters(states: Sequence[str], each: int = 2) -> str:
    """Draw states as text, several slots a letter, the worst of them.

    >>> letters(["up", "up", "up", "gap", "asleep", "up"])
    '=!z'
    """
    order = list(_LETTERS)
    groups = [states[at : at + each] for at in range(0, len(states), each)]
    return "".join(
        _LETTERS.get(min(group, key=lambda one: order.index(one) if one in order else 3), "?")
        for group in groups
    )


def axis(since: datetime, until: datetime, every: timedelta = timedelta(hours=6)) -> Markup:
    """Draw the hours below strips: whole ones, at their place between two moments."""
    first = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    first = first.replace(hour=first.hour - first.hour % max(1, round(every / timedelta(hours=1))))
    marks = []
    at = first
    while at <= until:
        share = (at - since) / (until - since) * 100
        if 2 <= share <= 98:  # noqa: PLR2004 - a label at the very edge would be cut
            marks.append(f'<text x="{share:.2f}%" y="11">{at:%H:%M}</text>')
        at += every
    return Markup(f'<svg class="axis" aria-hidden="true">{"".join(marks)}</svg>')  # noqa: S704 - numbers


def legend(kind: str, meaning: Mapping[str, str]) -> Markup:
    """Explain shapes: each state's picture with its meaning."""
    items = [
        Markup('<span class="key">{}{}</span>').format(_sample(state), text)
        for state, text in meaning.items()
    ]
    return Markup('<p class="legend" id="{}-legend">{}</p>').format(kind, Markup("").join(items))


def _sample(state: str) -> Markup:
    kind, top, height = _SHAPES.get(state, ("none", 4, 8))
    path = _pickets(0, 4) if kind == "none" else _bar(0, 4, top, height)
    return Markup(  # noqa: S704 - numbers
        f'<svg class="strip" viewBox="0 0 4 {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="{kind}" d="{path}"/></svg>'
    )


def _bar(at: int, width: int, top: int, height: int) -> str:
    return f"M{at} {top}h{width}v{height}h-{width}z"


def _pickets(at: int, width: int) -> str:
    """Return a line that the page's style sheet dashes: thin uprights, one a slot."""
    return f"M{at} 8h{width}"
