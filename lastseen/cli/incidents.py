"""Commands that list incidents and handle them."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lastseen.cli.app import Json, Now, app, judged
from lastseen.errors import UserError
from lastseen.period import moment, period

Number = Annotated[int, typer.Argument(metavar="ID", help="Its number.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for those who read it later.")
]


class _Group(TyperGroup):
    """Lets `incidents 12` stand for `incidents show 12`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        numbered = args and re.fullmatch(r"#?\d+", args[0])
        return super().resolve_command(
            ctx, ["show", args[0].removeprefix("#"), *args[1:]] if numbered else args
        )


incidents_app = typer.Typer(cls=_Group, invoke_without_command=True, rich_markup_mode=None)
app.add_typer(incidents_app, name="incidents")


@incidents_app.callback()
def listed(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those too that are over.")] = False,
    as_json: Json = False,
) -> None:
    """List incidents, open ones first; `incidents ID` shows one."""
    if context.invoked_subcommand is not None:
        return
    from lastseen import printing_incidents, project, state, terminal
    from lastseen.incident_book import Book

    with state.look(project.find(context.obj).state) as known:
        book = Book(known)
        found = printing_incidents.ordered(book.all() if every else book.live())
    if as_json:
        print(terminal.as_json({"incidents": list(map(printing_incidents.report, found))}))
    else:
        printing_incidents.listing(found, every=every)


@incidents_app.command()
def show(context: typer.Context, number: Number, now: Now = "now", as_json: Json = False) -> None:
    """Show one: its hosts, what sets them apart from the others, and each step of its life."""
    from lastseen import contrast, handling, printing_incidents, state, terminal
    from lastseen.incident_book import Book
    from lastseen.workspace import Workspace

    space = Workspace.open(context.obj)
    with state.look(space.project.state) as known:
        book = Book(known)
        one = handling.known(book, number)
        history, notices = book.history(number), book.notices(number)
    hosts = [member.host for member in one.present or one.members.values() if member.host]
    contrasts: list[contrast.Contrast] = []
    if len(hosts) >= contrast.FEWEST:
        with space.views(judged(now) if one.live else one.until) as views:
            contrasts = contrast.contrast(views, hosts)
    if as_json:
        print(terminal.as_json(printing_incidents.detail(one, history, notices, contrasts)))
    else:
        printing_incidents.show(one, history, contrasts)


@incidents_app.command()
def ack(context: typer.Context, number: Number, reason: Reason = "", now: Now = "now") -> None:
    """Take one on: it is not told of again and again."""
    from lastseen import handling

    at = judged(now)
    _change(context, "ack", lambda book: handling.acknowledge(book, number, _who(), reason, at))
    print(f"incident {number} is acknowledged")


@incidents_app.command()
def resolve(
    context: typer.Context,
    number: Number,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="How it ended.")],
    now: Now = "now",
) -> None:
    """End one by hand; newer evidence opens it again."""
    from lastseen import handling

    if not reason.strip():
        raise UserError("--reason is empty; say how it ended")
    at = judged(now)
    _change(context, "resolve", lambda book: handling.resolve(book, number, _who(), reason, at))
    print(f"incident {number} is resolved; newer evidence of it opens it again")


@incidents_app.command()
def mute(
    context: typer.Context,
    rule: Annotated[str | None, typer.Option(metavar="RULE", help="Of this rule.")] = None,
    host: Annotated[
        str | None, typer.Option(metavar="PATTERN", help='Of hosts of such names: "mac-*".')
    ] = None,
    cause: Annotated[str | None, typer.Option(metavar="CAUSE", help="Of this cause.")] = None,
    span: Annotated[str | None, typer.Option("--for", metavar="SPAN", help="This long.")] = None,
    since: Annotated[str, typer.Option("--from", metavar="T", help="From then on.")] = "now",
    until: Annotated[str | None, typer.Option("--until", metavar="T", help="Up to then.")] = None,
    reason: Reason = "",
    now: Now = "now",
) -> None:
    """Say nothing of some for a time, maintenance say; they are kept all the same."""
    from lastseen import handling
    from lastseen.incident import Mute
    from lastseen.workspace import Workspace

    if (span is None) == (until is None):
        raise UserError("say how long: --for 2h, or --until T")
    at = judged(now)
    space = Workspace.open(context.obj)
    if rule is not None:
        space.rules([rule])
    begin = moment(since, at)
    end = begin + period(span) if span is not None else moment(until or "", at)
    wanted = Mute(0, _who(), reason, rule, host, cause, begin, end)
    numbers: list[int] = []
    limits = space.settings.incidents
    _change(context, "mute", lambda book: numbers.append(handling.mute(book, wanted, at, limits)))
    print(
        f"mute {numbers[0]}, until {end:%Y-%m-%d %H:%M} UTC; lastseen incidents unmute {numbers[0]} ends it"
    )


@incidents_app.command()
def unmute(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="MUTE", help="The mute's number.")],
    now: Now = "now",
) -> None:
    """End a mute."""
    from lastseen import handling
    from lastseen.workspace import Workspace

    at = judged(now)
    limits = Workspace.open(context.obj).settings.incidents
    _change(context, "unmute", lambda book: handling.unmute(book, number, at, limits))
    print(f"mute {number} is over")


@incidents_app.command("mutes")
def list_mutes(context: typer.Context, now: Now = "now", as_json: Json = False) -> None:
    """List the mutes that are not over."""
    from lastseen import printing_incidents, project, state
    from lastseen.incident_book import Book

    at = judged(now)
    with state.look(project.find(context.obj).state) as known:
        found = Book(known).mutes(at)
    printing_incidents.mutes(found, at, as_json=as_json)


def _change(context: typer.Context, what: str, does: Callable[[Any], object]) -> None:
    from lastseen import handling, project

    handling.change(project.find(context.obj), f"incidents {what}", does)


def _who() -> str:
    """Return who is at the command line."""
    from getpass import getuser
    from os import getuid

    with suppress(OSError, KeyError):
        return getuser()
    return f"user {getuid()}"
