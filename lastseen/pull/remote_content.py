"""A file of a host as bytes by place: read over SFTP, or unpacked from a copy of it."""

import asyncio
import sys
from collections.abc import Awaitable
from contextlib import suppress
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any, Protocol, TypeVar

import asyncssh

from lastseen.errors import UserError
from lastseen.pull.ssh_connect import AbsentError, answered
from lastseen.pull.ssh_trust import RefusedError, said
from lastseen.unpack import DAMAGED, STEP, open_bytes

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
        self, file: asyncssh.SFTPClientFile, attrs: asyncssh.SFTPAttrs, seconds: float
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
        data = await self._read(start, size)
        if not data:
            raise ChangedError
        return data

    async def same(self, head: bytes) -> bool:
        """Say whether it still begins so."""
        return await self._read(0, len(head)) == head

    async def unchanged(self) -> bool:
        """Say whether it is as long and as old as when it was opened."""
        attrs = await asked(self._file.stat(), self._seconds)
        return (attrs.size, attrs.mtime) == (self.size, self.changed)

    async def close(self) -> None:
        """Close it; a host that does not answer has forgotten it anyway."""
        with suppress(AbsentError, RefusedError):
            await asked(self._file.close(), _FAREWELL)

    async def _read(self, start: int, size: int) -> bytes:
        data: Any = await asked(self._file.read(size, start), self._seconds) if size else b""
        return bytes(data)


class Unpacked:
    """A compressed file, unpacked from a copy on this machine."""

    def __init__(self, path: Path) -> None:
        """Take the copy."""
        self.final = True
        self._path = path
        self._stream: BufferedIOBase = BytesIO()
        self._place = sys.maxsize  # so that the first read opens it

    @property
    def damaged(self) -> bool:
        """It broke off before its end."""
        return not self.final

    async def read(self, start: int, size: int) -> bytes:
        """Return some bytes from a place on; none where it breaks off."""
        try:
            return await self._read(start, size)
        except (*DAMAGED, UserError):
            self.final = False
            return b""

    async def same(self, head: bytes) -> bool:
        """Say whether it still begins so: nobody writes to the copy."""
        del head
        return True

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    async def _read(self, start: int, size: int) -> bytes:
        if start < self._place:
            self.close()
            self._stream, self._place = open_bytes(self._path), 0
        while self._place < start:
            passed = self._stream.read(min(STEP, start - self._place))
            if not passed:
                return b""
            self._place += len(passed)
            await asyncio.sleep(0)  # other hosts have their turn
        data = self._stream.read(min(STEP, size))
        self._place += len(data)
        await asyncio.sleep(0)
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
