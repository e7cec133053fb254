"""The command that answers the one question."""

from typing import Annotated

import typer

from lastseen.cli.app import Json, Now, app, judged
from lastseen.period import moment


@app.command()
def why(
    context: typer.Context,
    host: Annotated[str, typer.Argument(help="The host, by any of its names.")],
    at: Annotated[
        str | None, typer.Option("--at", metavar="T", help="Judge as of then, like --now.")
    ] = None,
    now: Now = "now",
    as_json: Json = False,
) -> None:
    """Say why a host is pending, silent or failing: the cause, what it was not, what nobody can know."""
    from lastseen import diagnose, terminal, verdict
    from lastseen.workspace import Workspace

    when = judged(now)
    when = moment(at, when) if at else when
    found = diagnose.host(Workspace.open(context.obj), when, host)
    if as_json:
        print(terminal.as_json(found.as_json()))
    else:
        print(terminal.harmless("\n".join(verdict.text(found))))
