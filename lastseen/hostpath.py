"""The files that a path names, and the host in it: ``inbox/{host}/*.log`` names whose logs lie there."""

import os
import re
from collections.abc import Iterator
from glob import glob, has_magic
from pathlib import Path

from lastseen.terminal import harmless

HOST = "{host}"
_WORDS = {
    # A folder's name is what its uploader chose; "." and ".." name no host.
    HOST: r"(?P<host>(?!\.\.?(?:/|$))[^/]+?)",
    "**": ".*",
    "*": "[^/]*",
    "?": "[^/]",
}
_MAGIC = re.compile(r"(\{host\}|\*\*|\*|\?|\[!?\]?[^\]]*\])")


def matches(given: str) -> Iterator[tuple[Path, str | None]]:
    """Yield the files of one path, a folder's with all below it, and the host where it holds ``{host}``."""
    pattern = given.replace(HOST, "*")
    host = host_pattern(given) if HOST in given else None
    # Path.glob takes no absolute pattern.
    magic = has_magic(pattern) and not Path(given).exists()
    names = glob(pattern, recursive=True) if magic else [given]  # noqa: PTH207
    for name in names:
        path = Path(name)
        matched = host.match(name) if host else None
        if path.is_dir() and os.access(path, os.R_OK | os.X_OK):
            yield from ((inner, matched["host"] if matched else None) for inner in _inside(path))
        elif path.exists() or path.is_symlink():
            yield path, matched["host"] if matched else None


def _inside(folder: Path) -> Iterator[Path]:
    """Yield a folder's files, those of its folders too, and folders that cannot be listed."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and (path.is_file() or not (path.is_dir() and os.access(path, os.R_OK))):
            yield path


def name_of(path: Path, below: Path | None = None) -> str:
    """Return what rows call a file: its path as the user gave it, with odd bytes spelled out.

    Args:
        path: The file.
        below: Files below this folder are named from there on.
    """
    given = path.relative_to(below) if below and path.is_relative_to(below) else path
    return os.fsencode(given).decode(errors="backslashreplace")


def host_pattern(given: str) -> re.Pattern[str]:
    """Return what finds the host in a path; other parts of a glob stand for what they do in one.

    It matches a path, and all below it.

    >>> host_pattern("inbox/{host}/*.log").match("inbox/mac-015/orbit.log")["host"]
    'mac-015'
    >>> host_pattern("inbox/{host}").match("inbox/../orbit.log") is None
    True
    """
    return re.compile("".join(map(_word, _MAGIC.split(given))) + r"(?:/.*)?$", re.DOTALL)


def _word(part: str) -> str:
    if part in _WORDS:
        return _WORDS[part]
    if _MAGIC.fullmatch(part):
        inner = part[1:-1]
        kept = re.escape(inner.removeprefix("!")).replace(r"\-", "-")
        return f"[^/{kept}]" if inner.startswith("!") else f"[{kept}]"
    return re.escape(part)


def literal(given: str) -> str:
    """Return the folders that a glob begins with and that hold no part of it.

    >>> literal("logs/{host}/*.gz"), literal("logs/a.gz"), literal("/*")
    ('logs', 'logs/a.gz', '/')
    """
    found = _MAGIC.search(given)
    if found is None:
        return given
    slash = given.rfind("/", 0, found.start())
    return given[: max(slash, 0)] or given[: slash + 1]


def shown(name: str) -> str:
    r"""Return a name that others chose as rows may hold it: characters that a terminal obeys are spelled out.

    >>> shown("a\x1b[2J\udcff\n.log")
    'a\\x1b[2J\\xff\\n.log'
    """
    spelled = harmless(os.fsencode(name).decode(errors="backslashreplace"))
    return spelled.replace("\n", "\\n").replace("\t", "\\t")
