"""The host in a path: ``inbox/{host}/*.log`` names whose logs lie there."""

import os
import re

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
