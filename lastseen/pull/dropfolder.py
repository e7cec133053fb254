"""Walks a folder that others may write to: nothing in it leads out of it."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from stat import S_ISLNK

from lastseen.errors import UserError
from lastseen.hostpath import HOST, host_pattern, shown

_UNFINISHED = (
    ".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".swp", "~",
)  # fmt: skip
"""How names of files end that a program is still writing; rsync's and most others' begin with a dot."""
_DEEPEST = 16
"""Folders that may lie in one another below it."""


@dataclass(frozen=True)
class Upload:
    """A file that was found."""

    folder: int
    """The open folder it lies in: a path might lead elsewhere by now. Open until the next file is asked for."""
    leaf: str
    name: str
    """What rows call it."""
    host: str | None
    looks: os.stat_result

    def open(self) -> int:
        """Open it for reading; a link that took its place is not followed.

        Raises:
            OSError: it may not be read, or is gone.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(self.leaf, flags, dir_fd=self.folder)

    def now(self) -> os.stat_result:
        """Look at it again.

        Raises:
            OSError: it is gone.
        """
        return os.stat(self.leaf, dir_fd=self.folder, follow_symlinks=False)

    def delete(self) -> None:
        """Delete it.

        Raises:
            OSError: this user may not.
        """
        os.unlink(self.leaf, dir_fd=self.folder)


def uploads(path: str, below: Path, problem: Callable[[str], None]) -> Iterator[Upload]:
    """Yield the files of a folder and of its folders, by name, links too; hidden and unfinished ones are passed over.

    Args:
        path: The folder; ``{host}`` in it names the host, and a file beside the hosts' folders is nobody's.
        below: Files that lie below this folder are named from there on.
        problem: Told of a folder that cannot be listed or lies too deep.

    Raises:
        UserError: the folder itself cannot be listed.
    """
    top = _top(path)
    pattern = host_pattern(escape(path.rstrip("/")))

    def denied(error: OSError) -> None:
        folder = shown(os.fspath(error.filename or top))
        problem(f"{shown(str(top))}: the folder {folder} in it cannot be read; may this user?")

    # The folder that the user named may be a link itself.
    resolved = top.resolve()
    for found, folders, leaves, handle in os.fwalk(resolved, onerror=denied):
        inside = Path(found).relative_to(resolved)
        links = _links(folders, handle)
        folders[:] = sorted(
            name for name in folders if name not in links and not name.startswith(".")
        )
        if len(inside.parts) >= _DEEPEST and folders:
            folders.clear()
            problem(f"{_name(top / inside, below)}: folders lie too deep in one another")
        whole = (leaf for leaf in (*leaves, *links) if not _unfinished(leaf))
        for leaf in sorted(whole):
            matched = pattern.match(str(top / inside / leaf if leaf in links else top / inside))
            if matched is None:
                continue
            host = matched.groupdict().get("host")
            try:
                looks = os.stat(leaf, dir_fd=handle, follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield Upload(
                handle, leaf, _name(top / inside / leaf, below), host and shown(host), looks
            )


def _unfinished(leaf: str) -> bool:
    """Say whether a name is hidden, or that of an upload that is under way."""
    return leaf.startswith(".") or leaf.casefold().endswith(_UNFINISHED)


def _top(path: str) -> Path:
    """Return the folder below which all others lie.

    Raises:
        UserError: it cannot be listed.
    """
    before, host, _ = path.partition(HOST)
    top = Path(before.rpartition("/")[0] or "/") if host else Path(before)
    if not top.is_dir() or not os.access(top, os.R_OK | os.X_OK):
        why = "may not be read by this user" if top.is_dir() else "is not there; make it"
        raise UserError(f"{shown(str(top))}: the folder {why}")
    return top


def _links(names: list[str], folder: int) -> set[str]:
    """Return which of a folder's folders are links."""
    found: set[str] = set()
    for name in names:
        with suppress(FileNotFoundError):
            if S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                found.add(name)
    return found


def _name(path: Path, below: Path) -> str:
    return shown(str(path.relative_to(below) if path.is_relative_to(below) else path))
