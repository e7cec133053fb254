"""Pictures of numbers, as SVG inside the page: Altair says what, vl-convert draws it, no browser needed.

A chart carries no colours of its own: it takes the page's, so that it is right in light and in dark.
Each is drawn twice, for a wide and for a narrow screen; text would be too small if it were scaled.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import altair as alt
import vl_convert
from markupsafe import Markup, escape

from lastseen.terminal import harmless

WIDE, NARROW = 940, 320
_INK, _FAINT, _GRID, _BAD = "#010101", "#010102", "#010103", "#010104"
_SERIES = ("#010111", "#010112", "#010113", "#010114", "#010115", "#010116")
_PAGE = {_INK: "ink", _FAINT: "faint", _GRID: "line", _BAD: "bad"} | {
    colour: f"c{number}" for number, colour in enumerate(_SERIES, 1)
}
"""Stand-ins for the page's colours, by the name of the page's variable."""
_MARGIN = 14
_MOST = 24
"""So many bars a picture holds; the table below it has all."""

Rows = Sequence[Mapping[str, Any]]


def bars(rows: Rows, label: str, number: str, colour: str, *, title: str, desc: str) -> Markup:
    """Draw one bar for each label, stacked by colour, its sum at the end.

    Args:
        rows: What to draw.
        label: The column that names a bar.
        number: The column of its length.
        colour: The column that splits it.
        title: What it is, in a line.
        desc: What it shows, in a sentence, for those who cannot see it.
    """
    data = [
        {"label": harmless(str(row[label])), "n": row[number], "colour": harmless(str(row[colour]))}
        for row in rows
    ]
    sums: dict[str, int] = {}
    for row in data:
        sums[row["label"]] = sums.get(row["label"], 0) + row["n"]
    order = sorted(sums, key=lambda name: (-sums[name], name))[:_MOST]
    kept = [row for row in data if row["label"] in order]
    total = [{"label": name, "n": sums[name]} for name in order]
    return _both(partial(_bars, kept, total, order), title, desc)


def timeline(  # noqa: PLR0913 - a template names what it gives
    above: Rows,
    below: Rows,
    names: tuple[str, str],
    span: tuple[datetime, datetime],
    step: timedelta,
    *,
    title: str,
    desc: str,
) -> Markup:
    """Draw two counts over one time: bars by kind above, an area below.

    Args:
        above: ``slot``, ``kind`` and ``n``.
        below: ``slot`` and ``n``.
        names: What the two count.
        span: From when to when.
        step: How long one bar is.
        title: What it is, in a line.
        desc: What it shows, in a sentence.
    """
    ends = [moment.astimezone(UTC) for moment in span]
    bars_ = [
        {
            "at": _js(row["slot"]),
            "to": _js(row["slot"] + step),
            "kind": harmless(str(row["kind"])),
            "n": row["n"],
        }
        for row in above
    ]
    areas = [
        {"at": _js(row["slot"]), "to": _js(row["slot"] + step), "n": row["n"]} for row in below
    ]
    return _both(partial(_timeline, bars_, areas, names, [_js(end) for end in ends]), title, desc)


def _bars(rows: Rows, total: Rows, order: Sequence[str], width: int) -> Any:
    y = alt.Y("label:N", sort=list(order), title=None, axis=alt.Axis(labelLimit=width // 3))
    kinds = sorted({row["colour"] for row in rows})
    base = alt.Chart(_data(rows))
    body = base.mark_bar(height=14).encode(
        x=alt.X("sum(n):Q", title=None, axis=alt.Axis(tickCount=4, tickMinStep=1, format="~s")),
        y=y,
        color=_colour("colour", kinds, width),
        order=alt.Order("colour:N"),
    )
    numbers = (
        alt.Chart(_data(total))
        .mark_text(align="left", dx=4, color=_INK)
        .encode(x="n:Q", y=y, text=alt.Text("n:Q", format=",d"))
    )
    return (body + numbers).properties(
        width=min(width - width // 3, 520) - 60, height=22 * len(order)
    )


def _timeline(above: Rows, below: Rows, names: tuple[str, str], ends: list[str], width: int) -> Any:
    scale = alt.Scale(domain=ends, type="utc", nice=False)
    kinds = sorted({row["kind"] for row in above})

    def x(*, labels: bool) -> alt.X:
        axis = alt.Axis(
            labels=labels,
            ticks=labels,
            tickCount=6 if width < WIDE else 10,
            format="%H:%M",
            title=None,
        )
        return alt.X("at:T", scale=scale, axis=axis)

    def y(field: str, name: str) -> alt.Y:
        title = alt.Axis(
            tickCount=3,
            tickMinStep=1,
            titleAnchor="end",
            titleAngle=0,
            titleAlign="left",
            titleX=0,
            titleY=-8,
            format="~s",
        )
        return alt.Y(field, title=name, axis=title)

    top = alt.Chart(_data(above)).mark_bar().encode(
        x=x(labels=False), x2="to:T", y=y("sum(n):Q", names[0]), color=_colour("kind", kinds, width)
    ).properties(width=width - 50, height=90)  # fmt: skip
    bottom = alt.Chart(_data(below)).mark_bar(color=_FAINT).encode(
        x=x(labels=True), x2="to:T", y=y("sum(n):Q", names[1])
    ).properties(width=width - 50, height=70)  # fmt: skip
    return alt.vconcat(top, bottom, spacing=26).resolve_scale(x="shared")


def _data(rows: Rows) -> alt.Data:
    return alt.Data(values=list(rows))  # type: ignore[no-untyped-call]


def _colour(field: str, kinds: Sequence[str], width: int) -> alt.Color:
    colours = [_SERIES[number % len(_SERIES)] for number in range(len(kinds))]
    legend = (
        alt.Legend(
            title=None,
            orient="top",
            labelLimit=220,
            columns=1 if width < WIDE else 5,
            columnPadding=28,
        )
        if len(kinds) > 1
        else None
    )
    return alt.Color(
        f"{field}:N", scale=alt.Scale(domain=list(kinds), range=colours), legend=legend
    )


def _both(draw: partial[Any], title: str, desc: str) -> Markup:
    """Draw for both screens."""
    pictures = [
        _svg(draw(width), name, title, desc) for width, name in ((WIDE, "wide"), (NARROW, "narrow"))
    ]
    return Markup("").join(pictures)


def _svg(chart: Any, name: str, title: str, desc: str) -> Markup:
    """Draw a chart in the page's colours, with its text alternative."""
    drawn = vl_convert.vegalite_to_svg(
        chart.configure(**_config()).to_dict(validate=False), vl_version="6.1"
    )
    body = re.sub(r'\s(?:aria-[a-z]+|role)="[^"]*"', "", drawn)
    width, height = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body).groups()  # type: ignore[union-attr]
    # Another machine's letters may be wider than those that were measured here.
    box = f"-{_MARGIN} 0 {float(width) + _MARGIN:g} {height}"
    inner = body[body.index(">") + 1 : body.rindex("</svg>")]
    for stand_in, variable in _PAGE.items():
        inner = inner.replace(f'="{stand_in}"', f'="var(--{variable})"')
    head = (
        f'<svg class="chart {name}" viewBox="{box}" width="{float(width) + _MARGIN:g}" height="{height}" role="img" '
        f'aria-label="{escape(title)}: {escape(desc)}"><title>{escape(title)}</title><desc>{escape(desc)}</desc>'
    )
    return Markup(head + inner + "</svg>")  # noqa: S704 - drawn by vl-convert, which escapes text; ours is escaped here


def _config() -> dict[str, Any]:
    text = {
        "labelColor": _INK,
        "titleColor": _FAINT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    }
    return {
        "background": "transparent",
        "font": "sans-serif",
        "view": {"stroke": "transparent"},
        "axis": {**text, "gridColor": _GRID, "domainColor": _GRID, "tickColor": _GRID},
        "axisY": {"domain": False, "ticks": False},
        "legend": {"labelColor": _INK, "labelFontSize": 12, "symbolType": "square"},
        "mark": {"aria": False},
        "text": {"fontSize": 12},
    }


def _js(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
