"""Reads ``reports/``; findings and views to text and a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from lastseen.errors import Problem, UserError
from lastseen.rules import Finding
from lastseen.workspace import Workspace

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""A moment for looking at content without data."""
_NIGHT = timedelta(hours=24)


@dataclass(frozen=True)
class Rendered:
    """A report as files and text."""

    text: str
    page: Path


def render(space: Workspace, name: str, now: datetime) -> Rendered:
    """Render a report over the day before a moment."""
    found, views = space.check(now)
    with views:
        text = "\n".join(f"{finding.severity}: {finding.summary}" for finding in found)
    page = space.project.out / f"{name}.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text(text)
    return Rendered(text, page)


def problems(space: Workspace) -> Iterator[Problem]:
    """Yield what is wrong with the templates."""
    yield from ()
