"""Which files of a host to look at: those that a path names, and those that were rotated away from beside them."""

import os
import posixpath
import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Awaitable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import asyncssh

from lastseen.pull.rotation import rotated_from
from lastseen.pull.ssh_connect import answered
from lastseen.pull.ssh_trust import RefusedError, said
from lastseen.terminal import harmless

T = TypeVar("T")
_MOST = 10_000
"""Files that a path may name; more are a mistake, or a host that makes them up."""
ENTRIES = 50_000
"""Names that a folder may have, likewise."""
_GLOB = re.compile(rb"[*?\[\]]")
_CONTROL = re.compile(r"[\t\n]")


@dataclass(frozen=True)
class Remote:
    """A file of a host, as a listing shows it."""

    path: bytes
    size: int
    changed: int
    """Seconds since 1970, by the host's clock."""
    named: bool
    """A path of the source names it; else it only stands beside one."""
    live: bytes | None = None
    """The log that it was rotated from; nothing should write to it any more."""

    @property
    def shown(self) -> str:
        """Its path as text, with nothing in it that a terminal would obey."""
        return shown(self.path)


class Listing:
    """The files of one host, by the source's paths."""

    def __init__(self, sftp: asyncssh.SFTPClient, seconds: float) -> None:
        """Take what to ask, and how long each answer may take."""
        self._sftp = sftp
        self._seconds = seconds
        self._folders: dict[bytes, dict[bytes, asyncssh.SFTPAttrs]] = {}

    async def files(self, pattern: str) -> list[Remote]:
        """Return the files for a path, rotated ones first and of those the oldest.

        Raises:
            RefusedError: there are none, or far too many, or the host does not let us look.
        """
        path = pattern.removeprefix("~/").encode()
        try:
            named = await self._regular(await self._glob(path))
        except asyncssh.SFTPError as error:
            raise RefusedError(f"{shown(path)}: cannot be listed: {said(error)}") from None
        beside, live = await self._beside(list(named) or [path] * (not _GLOB.search(path)))
        if not named and not beside:
            raise RefusedError(f"{shown(path)}: no such file")
        found = [
            Remote(name, attrs.size or 0, attrs.mtime or 0, name in named, live.get(name))
            for name, attrs in (beside | named).items()
        ]
        return sorted(
            found, key=lambda one: (not one.live, one.changed if one.live else 0, one.path)
        )

    async def _glob(self, path: bytes) -> dict[bytes, asyncssh.SFTPAttrs]:
        """Return what a pattern matches; ``**`` is any number of folders."""
        found = [b"/" if path.startswith(b"/") else b""]
        *folders, last = path.strip(b"/").split(b"/")
        for part in folders:
            if part == b"**":
                found = [one for folder in found for one in await self._below(folder)]
            elif _GLOB.search(part):
                found = [one for folder in found for one in await self._matching(folder, part)]
            else:
                found = [posixpath.join(folder, part) for folder in found]
        if _GLOB.search(last):
            files = [await self._matching(folder, last) for folder in found]
            return {name: attrs for some in files for name, attrs in some.items()}
        exact = {}
        for name in (posixpath.join(folder, last) for folder in found):
            with suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                exact[name] = await self._answer(self._sftp.stat(name))
        return exact

    async def _matching(self, folder: bytes, part: bytes) -> dict[bytes, asyncssh.SFTPAttrs]:
        """Return what of a folder matches; hidden names only where the pattern has the dot."""
        hidden = part.startswith(b".")
        return {
            posixpath.join(folder, name): attrs
            for name, attrs in (await self._folder(folder)).items()
            if fnmatchcase(name, part) and name.startswith(b".") == hidden
        }

    async def _below(self, folder: bytes) -> list[bytes]:
        """Return a folder and all that lie in it, links left aside."""
        found = [folder]
        for one in found:
            found += [
                posixpath.join(one, name)
                for name, attrs in (await self._folder(one)).items()
                if attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY
            ]
            if len(found) > _MOST:
                raise RefusedError(f"{shown(folder)}: over {_MOST:,} folders; name fewer")
        return found

    async def _regular(
        self, files: dict[bytes, asyncssh.SFTPAttrs]
    ) -> dict[bytes, asyncssh.SFTPAttrs]:
        """Return those that are files, looking behind links; a pipe would keep its reader waiting."""
        if len(files) > _MOST:
            raise RefusedError(f"over {_MOST:,} files; name fewer")
        found = {}
        for path, listed in files.items():
            attrs = listed
            if attrs.type == asyncssh.FILEXFER_TYPE_SYMLINK:
                try:
                    attrs = await self._answer(self._sftp.stat(path))
                except asyncssh.SFTPError:
                    continue
            if attrs.type in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN):
                found[path] = attrs
        return found

    async def _beside(
        self, paths: list[bytes]
    ) -> tuple[dict[bytes, asyncssh.SFTPAttrs], dict[bytes, bytes]]:
        """Return the files that were rotated from some, and by their path what from."""
        found: dict[bytes, asyncssh.SFTPAttrs] = {}
        live: dict[bytes, bytes] = {}
        for path in paths:
            folder, base = posixpath.split(path)
            attrs = await self._folder(folder)
            names = sorted(map(os.fsdecode, attrs))
            stem = os.fsdecode(base).partition(".")[0]
            near = names[bisect_left(names, stem) : bisect_right(names, stem + chr(sys.maxunicode))]
            for name in filter(rotated_from(os.fsdecode(base)).fullmatch, near):
                whole = posixpath.join(folder, os.fsencode(name))
                found[whole] = attrs[os.fsencode(name)]
                live[whole] = path
        return await self._regular(found), live

    async def _folder(self, folder: bytes) -> dict[bytes, asyncssh.SFTPAttrs]:
        """Return what a folder holds; one that is not there or may not be listed seems empty."""
        if folder not in self._folders:
            try:
                self._folders[folder] = await self._answer(self._entries(folder))
            except asyncssh.SFTPError:
                self._folders[folder] = {}
        return self._folders[folder]

    async def _entries(self, folder: bytes) -> dict[bytes, asyncssh.SFTPAttrs]:
        found: dict[bytes, asyncssh.SFTPAttrs] = {}
        listing: Any = self._sftp.scandir(folder or b".")
        async with aclosing(listing) as entries:
            async for entry in entries:
                name = _bytes(entry.filename)
                if name not in (b".", b"..") and b"/" not in name:
                    found[name] = entry.attrs
                if len(found) > ENTRIES:
                    raise RefusedError(f"{shown(folder)}: over {ENTRIES:,} files in one folder")
        return found

    async def _answer(self, asked: Awaitable[T]) -> T:
        return await answered(asked, self._seconds)


def shown(path: bytes) -> str:
    r"""Return a path of a host as text; what is not UTF-8 or would steer a terminal is spelled out.

    >>> shown(b"/var/log/\xff\x1b[2J\n.log")
    '/var/log/\\xff\\x1b[2J\\n.log'
    """
    text = harmless(path.decode(errors="backslashreplace"))
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _bytes(name: bytes | str) -> bytes:
    return name if isinstance(name, bytes) else name.encode()
