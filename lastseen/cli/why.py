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
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Draw when each channel was heard, and the evidence.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say why a host is pending, silent or failing: the cause, what it was not, what nobody can know."""
    from lastseen import diagnose, terminal, verdict
    from lastseen.workspace import Workspace

    when = judged(now)
    when = moment(at, when) if at else when
    found, lanes = diagnose.host(Workspace.open(context.obj), when, host, timeline=timeline)
    if as_json:
        drawn = {"timeline": lanes.as_json()} if lanes else {}
        print(terminal.as_json(found.as_json() | drawn))
        return
    lines = [*verdict.text(found), *(["", *verdict.timeline(lanes)] if lanes else [])]
    print(terminal.harmless("\n".join(lines)))
