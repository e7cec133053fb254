"""A file of a host as bytes by place: read over SFTP, or unpacked from a copy of it."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from io import BufferedIOBase
from pathlib import Path
from typing import Protocol, TypeVar

import asyncssh

from lastseen.errors import UserError
from lastseen.pull.ssh_connect import AbsentError, answered
from lastseen.pull.ssh_trust import RefusedError, said
from lastseen.unpack import DAMAGED, open_bytes

T = TypeVar("T")
PIECE = 1 << 20
"""Bytes asked for at a time."""
_FAREWELL = 2.0
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
"""How gzip, bzip2, xz and zstd begin."""


class ChangedError(Exception):
    """The file was truncated, or another was written over it, while it was read."""


class Content(Protocol):
    """Bytes by place."""

    final: bool
    """Nothing more is written to it: its end is the end of its last line too."""

    async def read(self, start: int, size: int) -> bytes:
        """Return some bytes from a place on, at most so many; none at the end.

        Raises:
            ChangedError: the place is gone that was there before.
        """

    async def same(self, head: bytes) -> bool:
        """Say whether it still begins so."""


class Plain:
    """A file on the other side, as long as it was when it was opened."""

    final = False

    def __init__(
        self, file: asyncssh.SFTPClientFile[bytes], attrs: asyncssh.SFTPAttrs, seconds: float
    ) -> None:
        """Take an open file and how long each answer may take."""
        self.size = attrs.size or 0
        """Bytes it had when it was opened; what is written later is left for later."""
        self.changed = attrs.mtime or 0
        self._file = file
        self._seconds = seconds

    async def read(self, start: int, size: int) -> bytes:
        """Return some bytes from a place on."""
        size = min(size, self.size - start)
        if size <= 0:
            return b""
        data = await asked(self._file.read(size, start), self._seconds)
        if not data:
            raise ChangedError
        return data

    async def upto(content: Content, start: int, size: int) -> bytes:
    """Return so many bytes from a place on, or as many as there are."""
    parts = []
    while size and (data := await content.read(start, size)):
        parts.append(data)
        start += len(data)
        size -= len(data)
    return b"".join(parts)


def is_packed(head: bytes) -> bool:
    """Say whether a file that begins so is compressed; its name may lie."""
    return head.startswith(_PACKED)


async def asked(answer: Awaitable[T], seconds: float) -> T:
    """Wait for an answer about a file.

    Raises:
        AbsentError: there was none.
        RefusedError: the answer is no.
    """
    try:
        return await answered(answer, seconds)
    except asyncssh.SFTPError as error:
        raise RefusedError(said(error)) from None
