"""Commands that bring logs into the lake and look after it."""

from pathlib import Path
from typing import Annotated

import typer

from lastseen import lock, template
from lastseen.cli.app import Json, Now, app, judged
from lastseen.errors import Exit, UserError


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
    target.write_text(template.TEMPLATE, encoding="utf-8")
    print(
        f"{target}: made. Next: say in it where your logs come from, then lastseen -C {folder} pull"
    )


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
        results = intake.add(space.project, space.lake, request, judged(now), told)
    if as_json:
        printing.results_json(results)
    else:
        printing.results_table(results)
    if any(result.problem for result in results):
        raise typer.Exit(Exit.PARTIAL if any(r.read for r in results) else Exit.USAGE)


@app.command("pull")
def pull_command(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]...", help="Only these, whether they are due or not."),
    ] = None,
    now: Now = "now",
    as_json: Json = False,
) -> None:
    """Pull and ingest every source that is due."""
    from lastseen import collect, printing, stopping
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    at = judged(now)
    sources = collect.chosen(space, names, at)
    with stopping.gently() as stopped, printing.pulling() as told:
        pulled = collect.pull_all(space, sources, at, told, stopped)
    if as_json:
        printing.pulled_json(pulled)
    else:
        printing.pulled_table(pulled)
    if pulled and all(one.locked for one in pulled):
        raise typer.Exit(Exit.LOCKED)
    if any(one.problems for one in pulled):
        raise typer.Exit(Exit.PARTIAL)


@app.command("replay")
def replay_command(context: typer.Context, as_json: Json = False) -> None:
    """Read the rejects again, and what sources brought and nothing could read, after a format was mended."""
    from lastseen import collect, printing, replay
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    with lock.writing(space.project.lock, "replay"):
        done = replay.replay(space.project, space.lake)
    again = collect.replay(space, judged("now"))
    printing.listing([vars(one) for one in done], as_json=as_json, nothing="there are no rejects")
    printing.replayed(again)


@app.command("tidy")
def tidy_command(context: typer.Context, now: Now = "now", as_json: Json = False) -> None:
    """Compact and order the lake's files, drop what is older than `keep`, delete what nobody needs."""
    from lastseen import printing, tidy
    from lastseen.views import spill
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    with lock.writing(space.project.lock, "tidy"):
        done = list(tidy.tidy(space.lake, space.settings.keep, judged(now), spill(space.project)))
    printing.listing([vars(one) for one in done], as_json=as_json, nothing="the lake is empty")
