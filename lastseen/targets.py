"""Hosts as a source names them: checked before any of it reaches a connection, a file name or a program."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lastseen.errors import UserError

_USER = r"(?:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.+-]*\$?)@)?"
_NAME = (
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?)\]|(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*))"
)
_TARGET = re.compile(rf"{_USER}{_NAME}(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII)
_LONGEST = 320
_LAST_PORT = 65_535


@dataclass(frozen=True)
class Target:
    """A host to connect to."""

    text: str
    """As it was configured; tells apart what is remembered of hosts."""
    name: str
    """Its name or address alone: whose logs these are."""
    user: str | None = None
    port: int | None = None

    @property
    def shown(self) -> str:
        """The host as rows name it: without the user, with the port where one was given."""
        name = f"[{self.name}]" if ":" in self.name else self.name
        return name if self.port is None else f"{name}:{self.port}"


def target(text: str) -> Target:
    """Read one host: ``name``, ``user@name``, ``name:port``, ``[2001:db8::1]:22``.

    >>> target("admin@mac-015:2222")
    Target(text='admin@mac-015:2222', name='mac-015', user='admin', port=2222)

    Raises:
        UserError: it is none, or holds what no name of a host has.
    """
    found = _TARGET.fullmatch(text) if len(text) <= _LONGEST else None
    port = int(found["port"]) if found and found["port"] else None
    if not found or ".." in text or not (port is None or 1 <= port <= _LAST_PORT):
        shown = text[:_LONGEST].encode("unicode_escape").decode()
        raise UserError(f'"{shown}" is no host; write "mac-015", "admin@mac-015" or "mac-015:2222"')
    return Target(text, found["name"] or found["address"], found["user"], port)


def chain(text: str) -> list[Target]:
    """Read hosts to go through, separated by commas, in the order in which they are passed.

    Raises:
        UserError: one of them is no host.
    """
    return [target(one.strip()) for one in text.split(",")]


def of_file(path: Path) -> list[Target]:
    """Read a file with one host a line; a ``#`` begins a comment.

    Raises:
        UserError: it cannot be read, names no host, or has a line that is none.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text; write one host a line") from None
    found = list(_targets(path, lines))
    if not found:
        raise UserError(f"{path}: names no host; write one host a line")
    return found


def _targets(path: Path, lines: list[str]) -> Iterator[Target]:
    for number, line in enumerate(lines, 1):
        if text := line.partition("#")[0].strip(" \t\r"):
            try:
                yield target(text)
            except UserError as error:
                raise UserError(f"{path}:{number}: {error}") from None
