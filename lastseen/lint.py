"""Is every content file sound? What ``lastseen lint`` prints, and what the tests of the content call."""

from collections.abc import Generator, Iterator
from pathlib import Path

from lastseen import formats, intake, reports, rulefile, rules, sqlfile
from lastseen.errors import Problem, UserError
from lastseen.formats import Format
from lastseen.headline import NAMES, open_places
from lastseen.logfile import LogFile
from lastseen.project import Project
from lastseen.rulefile import Rule
from lastseen.views import FIELDS as VIEW_FIELDS
from lastseen.views import REQUIRED as VIEW_REQUIRED
from lastseen.workspace import Workspace


def problems(space: Workspace) -> Iterator[Problem]:
    """Yield all that is wrong with a project's formats, rules, views and reports."""
    known = yield from _formats(space.project)
    yield from _samples(space.project, known)
    yield from _rules(space, sound=bool(known))
    yield from reports.problems(space)


def _formats(project: Project) -> Generator[Problem, None, dict[str, Format]]:
    """Yield the formats' problems; return those formats that can be used."""
    known: dict[str, Format] = {}
    for path in project.content("ingest", "*.sql").values():
        try:
            file = sqlfile.read(path)
            wrong = list(sqlfile.problems(file, formats.FIELDS, formats.REQUIRED))
            yield from wrong
            if wrong:
                continue
            form = formats.parse(file)
            with formats.prepare(project) as con:
                formats.schema(con, form)
            known[form.name] = form
        except UserError as error:
            yield from _spread(path, error)
    return known


def _samples(project: Project, known: dict[str, Format]) -> Iterator[Problem]:
    """Each format has a sample that it alone claims."""
    for form in known.values():
        places = list(project.layers("sample_logs"))
        found = [path for base in places for path in sample_files(base, form.name)]
        if not found:
            where = form.source.path.parents[1] / "sample_logs" / f"{form.name}.log"
            yield Problem(form.source.path, 0, f"there is no sample of it; write {where}")
        for path in found:
            try:
                claimed = intake.sniff(known, LogFile(path, "sample")).name
            except UserError as error:
                yield Problem(path, 0, str(error))
                continue
            if claimed != form.name:
                yield Problem(
                    path, 0, f"the sample of {form.name} is claimed by {claimed}; sharpen its sniff"
                )


def sample_files(base: Path, name: str) -> list[Path]:
    """Return a format's samples: ``NAME.*``, or the files of a folder ``NAME``."""
    inside = sorted((base / name).glob("*")) if (base / name).is_dir() else []
    return [path for path in sorted(base.glob(f"{name}.*")) if path.is_file()] + inside


def _rules(space: Workspace, *, sound: bool) -> Iterator[Problem]:
    """Every view and rule binds, and a rule's alert names what its query returns."""
    for path in space.project.content("rules/views", "*.sql").values():
        try:
            yield from sqlfile.problems(sqlfile.read(path), VIEW_FIELDS, VIEW_REQUIRED)
        except UserError as error:
            yield from _spread(path, error)
    loaded = {}
    for name, path in space.project.content("rules", "*.sql").items():
        try:
            file = sqlfile.read(path)
            wrong = list(rulefile.problems(file))
            yield from wrong
            if not wrong:
                loaded[name] = rulefile.parse(file)
        except UserError as error:
            yield from _spread(path, error)
    if not sound:
        return
    try:
        with space.views(reports.EPOCH) as views:
            for rule in loaded.values():
                try:
                    columns = rules.bind(views, rule)
                    yield from _clause(rule, columns)
                except UserError as error:
                    yield from _spread(rule.source.path, error)
    except UserError as error:
        yield from _spread(space.project.root, error)


def _clause(rule: Rule, columns: list[str]) -> Iterator[Problem]:
    """A rule's clause for the first sentence names what its query returns, or what the report knows."""
    for name in open_places(rule.together or "", columns):
        line = rule.source.field_lines["together"]
        what = f"together names '{name}', which neither the query returns nor a report knows"
        yield Problem(rule.source.path, line, f"{what}; it knows {', '.join(NAMES)}")


def _spread(path: Path, error: UserError) -> Iterator[Problem]:
    """Turn an error's lines into problems, each at the line that it names."""
    for text in str(error).split("\n" if str(error).count(str(path)) > 1 else "\0"):
        place, _, what = text.removeprefix(f"{path}:").partition(": ")
        yield (
            Problem(path, int(place), what)
            if place.isdigit()
            else Problem(path, 0, text.removeprefix(f"{path}: "))
        )
