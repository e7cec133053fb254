"""The command line: arguments in, text out. The only place that prints or exits."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lastseen import intake, lock, project, settings
from lastseen.errors import Exit, UserError
from lastseen.lake import Lake

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def choose(context: typer.Context, folder: Annotated[Path, typer.Option("-C", metavar="PROJECT", help="The project's folder.")] = Path()) -> None:
    """When was each host last seen, and why isn't it now?"""
    context.obj = folder


@app.command()
def add(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.")],
    format: Annotated[str | None, typer.Option(help="The format, where two could be meant.")] = None,
    host: Annotated[str | None, typer.Option(help="Whose log it is.")] = None,
    zone: Annotated[str | None, typer.Option(help="The zone of times that carry none.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ingest files by hand."""
    here = project.find(context.obj)
    lake = Lake(here.root / settings.load(here.config).lake)
    with lock.writing(here.lock, "add"):
        results = intake.add(here, lake, intake.Request(paths, format, host, zone), datetime.now(UTC), lambda _: None)
    print(json.dumps([vars(r) for r in results], default=str, indent=1))


def main() -> None:
    """Run the command line; what a user can mend is one line on standard error."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
