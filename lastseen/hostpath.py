"""The files that a path names: one file, a folder's, a glob's; and the host where it holds ``{host}``."""

import os
import re
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path

HOST = "{host}"


def matches(given: str) -> Iterator[tuple[Path, str | None]]:
    """Yield the files of one path, and the host where the path holds ``{host}``."""
    pattern = given.replace(HOST, "*")
    host = host_pattern(given) if HOST in given else None
    # Path.glob takes no absolute pattern.
    magic = has_magic(pattern) and not Path(given).exists()
    names = glob(pattern, recursive=True) if magic else [given]  # noqa: PTH207
    for name in names:
        path = Path(name)
        matched = host.match(name) if host else None
        if path.is_dir():
            yield from ((inner, matched["host"] if matched else None) for inner in inside(path))
        elif path.exists() or path.is_symlink():
            yield path, matched["host"] if matched else None


def inside(folder: Path) -> Iterator[Path]:
    """Yield a folder's files, those of its folders too, and folders that cannot be listed."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and (path.is_file() or not (path.is_dir() and os.access(path, os.R_OK))):
            yield path


def host_pattern(given: str) -> re.Pattern[str]:
    """Return what finds the host in a path; a ``*`` or ``?`` elsewhere in it stands for any name."""
    words = {HOST: r"(?P<host>[^/]+?)", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\{host\}|\*\*|\*|\?)", given)
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts) + r"(?:/.*)?$")


def shown(path: Path, below: Path | None = None) -> str:
    """Return what rows call a file: its path as the user gave it, with odd bytes spelled out.

    Args:
        path: The file.
        below: Files below this folder are named from there on.
    """
    given = path.relative_to(below) if below and path.is_relative_to(below) else path
    return os.fsencode(given).decode(errors="backslashreplace")
