"""The command that says how the project itself stands."""

import typer

from lastseen.cli.app import Json, Now, app, judged
from lastseen.errors import Exit


@app.command("status")
def status_command(context: typer.Context, now: Now = "now", as_json: Json = False) -> None:
    """Show sources, what there is of each format, last runs, and the disk; exit 3 where something is late."""
    from lastseen import printing_status, status, terminal
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    found = status.gather(space, judged(now))
    if as_json:
        print(terminal.as_json(printing_status.report(found)))
    else:
        printing_status.show(found, space.project.root)
    if found.late or found.failed:
        raise typer.Exit(Exit.PARTIAL)
