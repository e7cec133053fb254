"""What views with `once:` say is kept only as long as it would be said again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from lastseen.project import Project
from lastseen.views import Views, Window
from lastseen.workspace import Workspace

NOW = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
DAY = timedelta(days=1)
VIEWS = {
    "beginning": "select getvariable('since') as ts, random() as made",
    "through": "select ts, random() as made from beginning",
    "spelled": "select getvariable ( 'SINCE' ) as ts, random() as made",
    "ending": "select getvariable('until') as ts, random() as made",
    "through_ending": "select ts, random() as made from ending",
}


@pytest.fixture
def views(project: Project) -> Iterator[Views]:
    """Views of which each says when it was computed."""
    folder = project.root / "rules" / "views"
    folder.mkdir(parents=True)
    for name, query in VIEWS.items():
        text = f"-- title: {name}\n-- once:  yes\n--\n-- Made up.\n--\n{query}\n"
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    with Workspace.open(project.root).views(NOW) as found:
        yield found


def said(views: Views, window: Window) -> dict[str, float]:
    views.window(window)
    views.settle(f"from {name}" for name in VIEWS)
    return {name: views.rows(f"from {name}")[0]["made"] for name in VIEWS}


def test_a_window_that_begins_earlier_keeps_only_what_does_not_ask_when(views: Views) -> None:
    day = said(views, Window(NOW - DAY, NOW))
    week = said(views, Window(NOW - 7 * DAY, NOW))

    assert {name for name in VIEWS if day[name] == week[name]} == {"ending", "through_ending"}
    assert views.rows("from through")[0]["ts"] == NOW - 7 * DAY


def test_a_window_that_ends_at_another_time_keeps_nothing(views: Views) -> None:
    before = said(views, Window(NOW - DAY, NOW - DAY / 2))
    after = said(views, Window(NOW - DAY, NOW))

    assert {name for name in VIEWS if before[name] == after[name]} == set()
    assert views.rows("from through_ending")[0]["ts"] == NOW


def test_another_moment_keeps_nothing(views: Views) -> None:
    window = Window(NOW - DAY, NOW)
    before = said(views, window)
    views.judge(NOW + DAY)
    after = said(views, window)

    assert {name for name in VIEWS if before[name] == after[name]} == set()
