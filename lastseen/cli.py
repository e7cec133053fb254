"""The command line: arguments in, text out. The only place that prints or exits."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from lastseen import adhoc, demo, intake, lint, lock, replay, reports, rules, settings, terminal, tidy
from lastseen.coverage import believable
from lastseen.errors import Exit, UserError
from lastseen.ingest import Result
from lastseen.period import moment, period
from lastseen.rules import SEVERITIES, Finding
from lastseen.views import spill
from lastseen.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="When was each host last seen, and why isn't it now?",
)

Now = Annotated[str, typer.Option("--now", metavar="T", help="The moment to judge at: RFC 3339, T-7d, 30 min ago.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Form(StrEnum):
    """How `sql` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


@app.callback()
def choose(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("-C", metavar="PROJECT", help="The project's folder.")] = Path(),
) -> None:
    """When was each host last seen, and why isn't it now?"""
    context.obj = folder


@app.command("demo")
def demo_command(
    folder: Annotated[Path | None, typer.Option("--into", help="Where to make the scratch project.")] = None,
) -> None:
    """Do the whole job on the shipped sample logs in a scratch project."""
    with _progress() as told:
        done = demo.run(folder, told)
    _say(f"Scratch project: {done.workspace.project.root}\n")
    _results(done.results)
    _findings(done.findings)
    print(f"\n{done.text}\n\nReport: {done.page}")


@app.command()
def init(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a new project with a commented lastseen.toml."""
    target = folder / "lastseen.toml"
    if target.exists():
        raise UserError(f"{target}: is there already; nothing was changed")
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(settings.TEMPLATE, encoding="utf-8")
    print(f"{target}: made. Next: lastseen -C {folder} add YOUR_LOGS")


@app.command()
def add(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")],
    form: Annotated[str | None, typer.Option("--format", help="The format, where two could be meant.")] = None,
    host: Annotated[str | None, typer.Option(help="Whose log it is; {host} in a path says it too.")] = None,
    zone: Annotated[str | None, typer.Option(help="The zone of times that carry none, e.g. Europe/Berlin.")] = None,
    now: Now = "now",
    as_json: Json = False,
) -> None:
    """Ingest log files; what was added before is not added again."""
    space = Workspace.open(context.obj)
    request = intake.Request(paths, form, host, zone)
    with lock.writing(space.project.lock, "add"), _progress() as told:
        results = intake.add(space.project, space.lake, request, _moment(now), told)
    _print_results(results, as_json=as_json)
    if any(result.problem for result in results):
        raise typer.Exit(Exit.PARTIAL if any(r.rows or r.already for r in results) else Exit.USAGE)


@app.command()
def check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[RULE]...", help="Only these rules.")] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="Look back to here.")] = None,
    now: Now = "now",
    fail_on: Annotated[str | None, typer.Option(metavar="LEVEL", help="Exit 1 where a finding is this bad.")] = None,
    as_json: Json = False,
) -> None:
    """Run rules over the lake and say what is wrong."""
    if fail_on is not None and fail_on not in SEVERITIES:
        raise UserError(f"--fail-on {fail_on}: a level is one of {', '.join(SEVERITIES)}")
    at = _moment(now)
    found, views = Workspace.open(context.obj).check(at, names, moment(since, at) if since else None)
    with views:
        if as_json:
            print(terminal.as_json(rules.report(at, found, views)))
        else:
            _findings(found)
    if fail_on and any(SEVERITIES.index(f.severity) >= SEVERITIES.index(fail_on) for f in found):
        raise typer.Exit(Exit.FINDINGS)


@app.command()
def gaps(
    context: typer.Context,
    host: Annotated[str | None, typer.Argument(help="Only this host, by any of its names.")] = None,
    since: Annotated[str, typer.Option(metavar="T", help="Look back to here.")] = "T-24h",
    now: Now = "now",
    as_json: Json = False,
) -> None:
    """List heartbeat gaps and downtime, host by host."""
    at = _moment(now)
    with Workspace.open(context.obj).views(at, moment(since, at)) as views:
        found = rules.gaps(views, moment(since, at), at, host)
    _print_rows(found, as_json=as_json, nothing="no gaps where there is coverage")


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="One query that reads; - takes it from standard input.")],
    form: Annotated[Form, typer.Option("--format", help="How to print.")] = Form.TABLE,
    safe: Annotated[bool, typer.Option(help="CSV that a spreadsheet cannot take for formulas.")] = False,
    timeout: Annotated[str, typer.Option(help="Stop after this long.")] = "60 seconds",
    memory: Annotated[str, typer.Option(help="Memory the query may use.")] = adhoc.MEMORY,
    now: Now = "now",
) -> None:
    """Ask the lake in SQL; nothing but the lake can be read, and nothing written."""
    space = Workspace.open(context.obj)
    with space.views(_moment(now)) as views:
        adhoc.lock_down(views, spill(space.project), memory)
        text = sys.stdin.read() if query == "-" else query
        _print_table(adhoc.run(views, text, period(timeout)), form, safe=safe)


@app.command()
def connect(context: typer.Context, now: Now = "now") -> None:
    """Write an init script for DuckDB's own shell: duckdb -init $(lastseen connect)."""
    space = Workspace.open(context.obj)
    with space.views(_moment(now)) as views:
        print(adhoc.init_script(views, space.project.root / ".lastseen.init.sql"))


@app.command()
def report(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The report: a file's name in reports/.")] = "nightly",
    now: Now = "now",
) -> None:
    """Render a report: its text here, its page into out/."""
    space = Workspace.open(context.obj)
    rendered = reports.render(space, name, _moment(now))
    print(rendered.text)
    print(f"\nReport: {rendered.page}")


@app.command("lint")
def lint_command(context: typer.Context) -> None:
    """Check every content file: formats, rules, views, reports."""
    found = list(lint.problems(Workspace.open(context.obj)))
    for problem in sorted(found):
        print(problem)
    if found:
        raise UserError(f"{len(found)} problem{'s' * (len(found) != 1)}")
    print("all content is sound")


@app.command("replay")
def replay_command(context: typer.Context, now: Now = "now", as_json: Json = False) -> None:
    """Read the rejects again, after their format was mended."""
    space = Workspace.open(context.obj)
    with lock.writing(space.project.lock, "replay"):
        done = replay.replay(space.project, space.lake, _moment(now))
    _print_rows([vars(one) for one in done], as_json=as_json, nothing="there are no rejects")


@app.command("tidy")
def tidy_command(context: typer.Context, now: Now = "now", as_json: Json = False) -> None:
    """Compact and order the lake's files, drop what is older than `keep`, delete what nobody needs."""
    space = Workspace.open(context.obj)
    with lock.writing(space.project.lock, "tidy"):
        done = list(tidy.tidy(space.lake, space.settings.keep, _moment(now), spill(space.project)))
    _print_rows([vars(one) for one in done], as_json=as_json, nothing="the lake is empty")


def _moment(text: str) -> datetime:
    return moment(text, datetime.now(UTC))


def _say(text: str) -> None:
    print(text, file=sys.stderr)


@contextmanager
def _progress() -> Iterator[Any]:
    """Show a bar on a terminal; elsewhere, nothing."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)

        def told(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=terminal.harmless(what)[-40:])

        yield told


def _print_results(results: list[Result], *, as_json: bool) -> None:
    if as_json:
        good = [r for r in results if not r.problem]
        names = ("file", "format", "rows", "rejects", "since", "until", "already")
        files = [{name: getattr(r, name) for name in names} for r in good]
        failed = [{"file": r.file, "problem": r.problem} for r in results if r.problem]
        print(terminal.as_json({"files": files, "failed": failed}))
    else:
        _results(results)


def _results(results: list[Result]) -> None:
    """Print what became of each file, and below what asks for attention."""
    good = [r for r in results if r.format]
    rows = [
        {
            "file": r.file, "format": r.format, "rows": r.rows, "rejects": r.rejects, "skipped": r.skipped,
            "from": r.since, "to": r.until, "": "added before" if r.already else "",
        }
        for r in good
    ]  # fmt: skip
    if rows:
        terminal.table(list(rows[0]), rows)
    for result in results:
        if result.problem:
            _say(f"error: {terminal.harmless(result.problem)}")
        if result.doubtful:
            _say(f"note: {result.file}: {result.doubtful} rows are dated before 2001 or after tomorrow; is its clock right?")
    if rejected := sum(r.rejects for r in good):
        _say(f"note: {rejected} rejects, kept: lastseen sql 'select file, line, reason, text from rejects'")


def _findings(found: list[Finding]) -> None:
    rows = [{"severity": f.severity, "rule": f.rule, "since": f.since, "what": f.summary} for f in found]
    if rows:
        terminal.table(list(rows[0]), rows)
    else:
        print("no findings")


def _print_rows(rows: list[dict[str, Any]], *, as_json: bool, nothing: str) -> None:
    if as_json:
        print("\n".join(terminal.json_rows(rows)))
    elif rows:
        terminal.table(list(rows[0]), rows)
    else:
        print(nothing)


def _print_table(table: Any, form: Form, *, safe: bool) -> None:  # noqa: ANN401 - pyarrow ships no types
    columns: list[str] = table.column_names
    if form is Form.PARQUET:
        terminal.parquet(table)
        return
    rows = table.to_pylist()
    if form is Form.CSV:
        sys.stdout.write(terminal.as_csv(columns, rows, safe=safe))
    elif form is Form.JSON:
        print("\n".join(terminal.json_rows(rows)))
    elif form is Form.MARKDOWN:
        print(terminal.as_markdown(columns, rows))
    else:
        terminal.table(columns, rows)


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error."""
    try:
        app()
    except UserError as error:
        _say(f"error: {terminal.harmless(str(error))}")
        sys.exit(error.code)
    except KeyboardInterrupt:
        _say("interrupted; what was committed stays, run it again for the rest")
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(Exit.DONE)
