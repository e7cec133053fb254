"""A stream as tarfile reads a file, from its beginning to its end, without holding what its headers claim."""

import tarfile
from collections.abc import Callable
from io import BufferedIOBase
from typing import IO

from lastseen.unpack import STEP

_HEADER = 1 << 20
"""Bytes that the header of one member may have; tarfile would hold all of it in memory."""


class Forward:
    """A stream that is read once, from its beginning to its end, as tarfile reads a file."""

    def __init__(self, stream: IO[bytes] | BufferedIOBase, spend: Callable[[int], None]) -> None:
        self._stream = stream
        self._spend = spend
        self._at = 0
        self._last = b""

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._at

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end.

        Raises:
            tarfile.ReadError: they are a header, and an absurdly large one.
        """
        if size > _HEADER:
            raise tarfile.ReadError("a header is larger than any name")
        found = self._stream.read(size)
        self._at += len(found)
        self._spend(len(found))
        self._last = found
        return found

    def seek(self, target: int) -> None:
        """Read on to a place further down.

        Raises:
            tarfile.ReadError: the stream ends before it.
        """
        while self._at < target and self.read(min(STEP, target - self._at)):
            pass
        if self._at != target:
            raise tarfile.ReadError("it ends inside a member")

    def must_have_ended(self) -> None:
        """Read to the end, where packed data has its checksum.

        Raises:
            tarfile.ReadError: the archive was cut off, for it has no last block.
        """
        if self._last.count(0) != tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it was cut off")
        while self.read(STEP):
            pass
