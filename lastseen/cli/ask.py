"""Commands that ask the lake: rules, gaps, SQL, reports."""

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from lastseen.cli.app import Json, Now, app, judged
from lastseen.errors import Exit, UserError
from lastseen.options import MEMORY, SEVERITIES, Form
from lastseen.period import moment, period

if TYPE_CHECKING:
    from lastseen.workspace import Workspace


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
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Leave incidents alone; with --since, replay them from there."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run rules over the lake, say what is wrong, and bring incidents up to it."""
    from lastseen import printing, printing_incidents, recording, rules, terminal
    from lastseen.workspace import Workspace

    if fail_on is not None and fail_on not in SEVERITIES:
        raise UserError(f"--fail-on {fail_on}: a level is one of {', '.join(SEVERITIES)}")
    at = judged(now)
    space = Workspace.open(context.obj)
    if dry_run and since:
        _replay(space, names, moment(since, at), at, as_json=as_json)
        return
    found, views = space.check(at, names, moment(since, at) if since else None)
    with views:
        done = recording.Recorded()
        if not since:
            checked = recording.checked(views, space.rules(names), found, at)
            done = (recording.rehearse if dry_run else recording.record)(
                space, checked, judged("now")
            )
        if as_json:
            told = {"incidents": printing_incidents.noticed(done.notices)}
            print(terminal.as_json(rules.report(at, found, views) | told))
        else:
            printing.findings(found)
        printing.ground(views.newest(), at)
    printing.recorded(done.notices, done.stale, dry=dry_run)
    if fail_on and any(SEVERITIES.index(f.severity) >= SEVERITIES.index(fail_on) for f in found):
        raise typer.Exit(Exit.FINDINGS)


def _replay(
    space: "Workspace", names: list[str] | None, since: datetime, now: datetime, *, as_json: bool
) -> None:
    """Replay the past over incidents of its own."""
    from lastseen import backtest, printing, printing_incidents

    with printing.replaying() as told:
        done = backtest.replay(space, space.rules(names), since, now, told)
    printing_incidents.backtest(done, as_json=as_json)


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

    at = judged(now)
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
    with space.views(judged(now)) as views:
        adhoc.lock_down(views, spill(space.project), memory)
        text = sys.stdin.read() if query == "-" else query
        printing.answer(adhoc.run(views, text, period(timeout)), form, safe=safe)


@app.command()
def connect(context: typer.Context, now: Now = "now") -> None:
    """Write an init script for DuckDB's own shell: duckdb -init $(lastseen connect)."""
    from lastseen import adhoc
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    with space.views(judged(now)) as views:
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
    rendered = reports.render(space, name, judged(now))
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
