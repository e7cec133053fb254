"""Commands that do everything: once, or on time for as long as it takes."""

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from lastseen.cli.app import Json, Now, app, judged
from lastseen.errors import Exit, UserError
from lastseen.options import Supervisor
from lastseen.project import Project


@app.command("run")
def run_command(context: typer.Context, now: Now = "now", as_json: Json = False) -> None:
    """Do everything once: pull, check, report, tidy if it is time, ping; for cron."""
    from lastseen import once, project, terminal
    from lastseen.work import How

    def tell(text: str) -> None:
        # The work goes on where nobody can be told of it.
        with suppress(OSError):
            print(terminal.harmless(text), file=sys.stderr if as_json else sys.stdout, flush=True)

    at = None if now == "now" else judged(now)
    done = once.run(project.find(context.obj), at, tell)
    if as_json:
        rows = [
            {
                "kind": one.job.kind, "name": one.job.name, "how": one.how.value,
                "seconds": round(one.seconds, 3), "problem": one.problem,
            }
            for one in done
        ]  # fmt: skip
        print(terminal.as_json({"jobs": rows}))
    codes = {How.FAILED: Exit.PARTIAL, How.STOPPED: Exit.INTERRUPTED, How.LOCKED: Exit.LOCKED}
    for how, code in codes.items():
        if any(one.how is how for one in done):
            raise typer.Exit(code)


@app.command("schedule")
def schedule_command(
    context: typer.Context,
    supervisor: Annotated[
        Supervisor | None,
        typer.Option("--print", help="Print a file that has it started, instead of running."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who it runs as, in that file.")
    ] = None,
) -> None:
    """Pull, check, report and tidy on time, in the foreground; SIGHUP reads lastseen.toml again."""
    import signal

    # It reads lastseen.toml only now, so there is nothing to read again yet.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    from lastseen import project, schedule, serve, terminal
    from lastseen.period import rfc3339

    found = project.find(context.obj)
    if supervisor is not None:
        print(_unit(found, supervisor, user), end="")
        return
    if user is not None:
        raise UserError("--user goes with --print; it runs as whoever starts it")
    # journald stamps each line by itself.
    stamped = "JOURNAL_STREAM" not in os.environ

    def tell(text: str) -> None:
        when = f"{rfc3339(schedule.clock())[:19]}Z " if stamped else ""
        # A terminal that is gone must not end what runs.
        with suppress(OSError):
            sys.stderr.write(f"{when}{terminal.harmless(text)}\n")

    serve.serve(found, tell)


def _unit(project: Project, supervisor: Supervisor, user: str | None) -> str:
    """Write the file that has `schedule` started."""
    from getpass import getuser

    from lastseen import service, settings

    if supervisor is Supervisor.LAUNCHD:
        return service.launchd(project.root, user)
    return service.systemd(project.root, settings.load(project.config), user or getuser())
