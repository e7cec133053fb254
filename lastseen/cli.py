"""The command line: arguments in, text out. The only place that prints or exits."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lastseen import lock, settings
from lastseen.errors import Exit, UserError
from lastseen.options import MEMORY, SEVERITIES, Form
from lastseen.period import moment, period


class _Commands(TyperGroup):
    """The commands; what a user can mend ends here, as one line on standard error."""

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except UserError as error:
            _say(f"error: {error}")
            raise typer.Exit(error.code) from None
        except KeyboardInterrupt:
            _say("interrupted; what was committed stays, run it again for the rest")
            raise typer.Exit(Exit.INTERRUPTED) from None
        except BrokenPipeError:
            # Nobody reads on. Python flushes once more at its end, so that has to go nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Exit.DONE) from None
        except OSError as error:
            if error.filename is None:
                raise
            why = (error.strerror or str(error)).lower()
            _say(f"error: {error.filename}: {why}")
            raise typer.Exit(Exit.USAGE) from None
        return result


def _say(text: str) -> None:
    """Tell the person at the terminal why a command stopped."""
    from lastseen import printing, terminal

    printing.say(terminal.harmless(text))


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="When was each host last seen, and why isn't it now?",
)

Now = Annotated[
    str,
    typer.Option("--now", metavar="T", help="The moment to judge at: RFC 3339, T-7d, 30 min ago."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    """Print the version and stop."""
    from importlib.metadata import version

    if wanted:
        print(version("lastseen"))
        raise typer.Exit


@app.callback()
def choose(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("-C", metavar="PROJECT", help="Its folder.")] = Path(),
    version: Annotated[  # noqa: ARG001 - its callback has done all
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """When was each host last seen, and why isn't it now?"""
    context.obj = folder


@app.command("demo")
def demo_command(
    folder: Annotated[
        Path | None, typer.Option("--into", help="Where to make the scratch project.")
    ] = None,
) -> None:
    """Do the whole job on the shipped sample logs in a scratch project."""
    from lastseen import demo, printing

    with printing.progress() as told:
        done = demo.run(folder, told)
    printing.say(f"Scratch project: {done.workspace.project.root}\n")
    printing.results_table(done.results)
    printing.findings(done.report.findings)
    print(f"\n{done.report.text}\n\nReport: {done.report.page}")


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
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")
    ],
    form: Annotated[
        str | None, typer.Option("--format", help="The format, where two could be meant.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Whose log it is; {host} in a path says it too.")
    ] = None,
    zone: Annotated[
        str | None, typer.Option(help="The zone of times that carry none, e.g. Europe/Berlin.")
    ] = None,
    now: Now = "now",
    as_json: Json = False,
) -> None:
    """Ingest log files; what was added before is not added again."""
    from lastseen import intake, printing
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    request = intake.Request(paths, form, host, zone)
    with lock.writing(space.project.lock, "add"), printing.progress() as told:
        results = intake.add(space.project, space.lake, request, _moment(now), told)
    if as_json:
        printing.results_json(results)
    else:
        printing.results_table(results)
    if any(result.problem for result in results):
        raise typer.Exit(Exit.PARTIAL if any(r.read for r in results) else Exit.USAGE)


@app.command()
def check(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[RULE]...", help="Only these rules.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="Look back to here.")] = None,
    now: Now = "now",
    fail_on: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Exit 1 where a finding is this bad.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run rules over the lake and say what is wrong."""
    from lastseen import printing, rules, terminal
    from lastseen.workspace import Workspace

    if fail_on is not None and fail_on not in SEVERITIES:
        raise UserError(f"--fail-on {fail_on}: a level is one of {', '.join(SEVERITIES)}")
    at = _moment(now)
    found, views = Workspace.open(context.obj).check(
        at, names, moment(since, at) if since else None
    )
    with views:
        if as_json:
            print(terminal.as_json(rules.report(at, found, views)))
        else:
            printing.findings(found)
        printing.ground(views.newest(), at)
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
    from lastseen import printing, rules
    from lastseen.workspace import Workspace

    at = _moment(now)
    with Workspace.open(context.obj).views(at, moment(since, at)) as views:
        found = rules.gaps(views, moment(since, at), at, host)
        printing.ground(views.newest(), at)
    printing.listing(found, as_json=as_json, nothing="no gaps where there is coverage")


@app.command()
def sql(
    context: typer.Context,
    query: Annotated[
        str, typer.Argument(help="One query that reads; - takes it from standard input.")
    ],
    form: Annotated[Form, typer.Option("--format", help="How to print.")] = Form.TABLE,
    safe: Annotated[
        bool, typer.Option(help="CSV that a spreadsheet cannot take for formulas.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="Stop after this long.")] = "60 seconds",
    memory: Annotated[str, typer.Option(help="Memory the query may use.")] = MEMORY,
    now: Now = "now",
) -> None:
    """Ask the lake in SQL; nothing but the lake can be read, and nothing written."""
    from lastseen import adhoc, printing
    from lastseen.views import spill
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    with space.views(_moment(now)) as views:
        adhoc.lock_down(views, spill(space.project), memory)
        text = sys.stdin.read() if query == "-" else query
        printing.answer(adhoc.run(views, text, period(timeout)), form, safe=safe)


@app.command()
def connect(context: typer.Context, now: Now = "now") -> None:
    """Write an init script for DuckDB's own shell: duckdb -init $(lastseen connect)."""
    from lastseen import adhoc
    from lastseen.workspace import Workspace

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
    from lastseen import reports
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    rendered = reports.render(space, name, _moment(now))
    print(rendered.text)
    print(f"\nReport: {rendered.page}")


@app.command("lint")
def lint_command(context: typer.Context) -> None:
    """Check every content file: formats, rules, views, reports."""
    from lastseen import lint
    from lastseen.workspace import Workspace

    found = list(lint.problems(Workspace.open(context.obj)))
    for problem in sorted(found):
        print(problem)
    if found:
        raise UserError(f"{len(found)} problem{'s' * (len(found) != 1)}")
    print("all content is sound")


@app.command("replay")
def replay_command(context: typer.Context, as_json: Json = False) -> None:
    """Read the rejects again, after their format was mended."""
    from lastseen import printing, replay
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    with lock.writing(space.project.lock, "replay"):
        done = replay.replay(space.project, space.lake)
    printing.listing([vars(one) for one in done], as_json=as_json, nothing="there are no rejects")


@app.command("tidy")
def tidy_command(context: typer.Context, now: Now = "now", as_json: Json = False) -> None:
    """Compact and order the lake's files, drop what is older than `keep`, delete what nobody needs."""
    from lastseen import printing, tidy
    from lastseen.views import spill
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    with lock.writing(space.project.lock, "tidy"):
        done = list(tidy.tidy(space.lake, space.settings.keep, _moment(now), spill(space.project)))
    printing.listing([vars(one) for one in done], as_json=as_json, nothing="the lake is empty")


def _moment(text: str) -> datetime:
    return moment(text, datetime.now(UTC))


def main() -> None:
    """Run the command line."""
    app()
