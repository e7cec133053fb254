"""Reads ``reports/``: a report is its templates, ``NAME.subject.j2``, ``NAME.text.j2`` and ``NAME.html.j2``.

The engine knows no report by name. Templates are given the facts and ask for rows of the views by SQL.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.loaders import FileSystemLoader
from jinja2.sandbox import SandboxedEnvironment

from lastseen import adhoc, charts, facts, madeup, strips, wording
from lastseen.causes import CAUSES
from lastseen.errors import Problem, UserError
from lastseen.evidence import Ask
from lastseen.facts import Facts
from lastseen.project import Project
from lastseen.rules import Finding
from lastseen.terminal import harmless
from lastseen.views import spill
from lastseen.workspace import Workspace

FOLDER = "reports"
PARTS = ("subject", "text", "html")
"""What a report may consist of; the page is needed."""
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""A moment for looking at content without data."""
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_POLICY = "STYLE_HASHES"
"""Stands in a page's Content-Security-Policy where the hashes of its style sheets go."""


@dataclass(frozen=True)
class Rendered:
    """A report as text and a file."""

    subject: str
    text: str
    page: Path
    findings: Sequence[Finding]
    """What it tells of, the worst first."""


def render(space: Workspace, name: str, now: datetime) -> Rendered:
    """Render a report over the day before a moment: a function of the lake and the moment alone.

    Raises:
        UserError: there is no such report, or a template of it is wrong.
    """
    parts = _parts(space.project, name)
    told, views, ask = facts.gather(space, now)
    with views:
        made = {part: _render(space.project, file, told, ask) for part, file in parts.items()}
    page = space.project.out / f"{name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(with_policy(made["html"]), encoding="utf-8")
    return Rendered(
        made.get("subject", "").strip(), made.get("text", "").strip("\n"), page, told.findings
    )


def names(project: Project) -> list[str]:
    """Return the names of the reports that there are."""
    return [file.removesuffix(".html.j2") for file in project.content(FOLDER, "*.html.j2")]


def problems(space: Workspace) -> Iterator[Problem]:
    """Yield what is wrong with the templates: each is rendered with an empty lake, and with made-up rows."""
    files = space.project.content(FOLDER, "*.j2")
    try:
        with space.views(EPOCH) as views:
            views.settle()
            adhoc.lock_down(views, spill(space.project))
            ask = facts.asker(views)
            trials = [
                (facts.tell([], [], EPOCH, ask), ask),
                (madeup.facts(EPOCH), madeup.asker(views)),
            ]
            for file, path in files.items():
                yield from _template_problems(space.project, file, path, trials)
    except UserError as error:
        yield Problem(
            space.project.root,
            0,
            f"the reports cannot be tried before the views are sound: {error}",
        )


def _template_problems(
    project: Project, file: str, path: Path, trials: Sequence[tuple[Facts, Ask]]
) -> Iterator[Problem]:
    name, _, part = file.removesuffix(".j2").rpartition(".")
    if part not in PARTS or not name:
        yield Problem(
            path, 0, f"a template is called NAME.PART.j2, and PART is one of {', '.join(PARTS)}"
        )
        return
    if part != "html" and f"{name}.html.j2" not in project.content(FOLDER, "*.html.j2"):
        yield Problem(
            path, 0, f"there is no {name}.html.j2 beside it; the page is what makes a report"
        )
    try:
        for told, ask in trials:
            _render(project, file, told, ask)
    except UserError as error:
        where, _, what = str(error).removeprefix(f"{path}:").partition(": ")
        yield Problem(path, int(where), what) if where.isdigit() else Problem(path, 0, str(error))


def _parts(project: Project, name: str) -> dict[str, str]:
    """Return the files of a report by part.

    Raises:
        UserError: there is no such report.
    """
    if name not in names(project):
        raise UserError(f"there is no report {name}; known are {', '.join(names(project))}")
    there = project.content(FOLDER, "*.j2")
    return {part: f"{name}.{part}.j2" for part in PARTS if f"{name}.{part}.j2" in there}


def _render(project: Project, file: str, told: Facts, ask: Ask) -> str:
    """Render one template; whatever wrote it, no control or bidi character is in the result.

    Raises:
        UserError: with the line of the template at which it went wrong.
    """
    environment = _environment(project, file.endswith(".html.j2"), told)
    path = project.content(FOLDER, "*.j2")[file]
    try:
        template = environment.get_template(file)
        return harmless(template.render(**vars(told), rows=ask))
    except TemplateSyntaxError as error:
        raise UserError(f"{error.filename or path}:{error.lineno}: {error.message}") from None
    except TemplateNotFound as error:
        raise UserError(f"{_place(error, path)}: there is no template {error.name}") from None
    except (
        TemplateError,
        UserError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
    ) as error:
        raise UserError(f"{_place(error, path)}: {error}") from None


def _environment(project: Project, html: bool, told: Facts) -> SandboxedEnvironment:  # noqa: FBT001 - a fact of the file
    """Return where a project's templates run: sandboxed, and every name must be known."""
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(list(project.layers(FOLDER))),
        undefined=StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=shown,
    )
    environment.filters |= filters(told.now)
    environment.globals = {**GLOBALS, "now": told.now}
    return environment


def filters(now: datetime) -> dict[str, Callable[..., Any]]:
    """Return what templates can do to a value."""
    return {
        "clock": lambda when: wording.clock(when, now),
        "cell": lambda value: wording.cell(value, now),
        "count": wording.count,
        "listed": wording.listed,
        "wrap": wording.wrap,
        "shortened": wording.shortened,
    }


GLOBALS: dict[str, Any] = {
    "bars": charts.bars,
    "timeline": charts.timeline,
    "strip": strips.strip,
    "letters": strips.letters,
    "axis": strips.axis,
    "legend": strips.legend,
    "short": lambda name: CAUSES[name].short,
    "hours": lambda lanes: max(timedelta(hours=1), (lanes.until - lanes.since) / 6),
    "minutes": lambda number: timedelta(minutes=number),
    "range": range,
}
"""What templates can call, besides ``rows``."""


def shown(value: object) -> object:
    """Write what is no text as tables do; escaping comes after it."""
    return value if isinstance(value, str | StrictUndefined) else wording.cell(value)


def with_policy(page: str) -> str:
    """Fill in the hashes of a page's own style sheets, so that no other style is allowed in it."""
    hashes = [
        "'sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() + "'"
        for style in _STYLE.findall(page)
    ]
    return page.replace(_POLICY, " ".join(hashes) or "'none'", 1)


def _place(error: Exception, path: Path) -> str:
    """Return the template's file and line that an error came from."""
    place = f"{path}"
    trace = error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if file.endswith(".j2"):
            place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
