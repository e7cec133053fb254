"""The command line itself: its options, and where every error ends."""

import errno
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lastseen.errors import Exit, UserError, of_system
from lastseen.period import moment

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Why results cannot be written to where standard output leads."""
_ORDER = (
    "demo", "init", "add", "pull", "check", "why", "incidents", "gaps", "sql", "connect", "report", "run",
    "schedule", "status", "lint", "replay", "tidy",
)  # fmt: skip
"""The commands as `--help` lists them: as one comes to need them."""


class _Commands(TyperGroup):
    """The commands; what a user can mend ends here, as one line on standard error."""

    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=_ORDER.index)

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
            _write_no_more()  # nobody reads on
            raise typer.Exit(Exit.DONE) from None
        except OSError as error:
            if error.filename is None and error.errno not in _NO_ROOM:
                raise
            _say(f"error: {of_system(error)}")
            _write_no_more()
            raise typer.Exit(Exit.USAGE if error.filename else Exit.PARTIAL) from None
        return result


def _write_no_more() -> None:
    """Let what Python writes to standard output at its end go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(text: str) -> None:
    """Tell the person at the terminal why a command stopped."""
    from lastseen import printing, terminal

    with suppress(OSError):
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


def judged(text: str) -> datetime:
    """Return the moment that ``--now`` says.

    Raises:
        UserError: it is no moment.
    """
    return moment(text, datetime.now(UTC))
