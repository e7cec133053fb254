"""A file's bytes as plain UTF-8, however it was packed."""

import bz2
import codecs
import gzip
import io
import lzma
import os
import zlib
from io import BufferedIOBase
from pathlib import Path
from stat import S_ISBLK, S_ISCHR, S_ISSOCK
from typing import Any

import pyarrow as pa

from lastseen.errors import UserError

DAMAGED = (EOFError, OSError, lzma.LZMAError, zlib.error)
"""What reading a file may raise where its packed data is cut off or its disk is failing."""
STEP = 256 << 10
"""Bytes asked for in one read: where packed data breaks off, what came before it in that read is lost."""

_TEXT = 0.95
"""A file of whose first bytes fewer than this share can stand in text is binary; of random ones, 0.9 can."""
_HEAD = 4096
"""Bytes by which text is told from binary."""
_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def open_bytes(path: Path) -> BufferedIOBase:
    """Open a file for reading, unpacked where its first bytes say gzip, zstd, bzip2 or xz.

    UTF-16, which PowerShell writes, becomes UTF-8.

    Raises:
        UserError: it is a folder, or is not there, or may not be read, or is damaged from the start.
    """
    try:
        if S_ISCHR(kind := path.stat().st_mode) or S_ISBLK(kind) or S_ISSOCK(kind):
            raise UserError(f"{path}: is a device, not a log")
        with path.open("rb") as raw:
            magic = raw.peek(6)[:6]
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except IsADirectoryError:
        closed = not os.access(path, os.R_OK | os.X_OK)
        why = "a folder that this user may not list" if closed else "a folder without files"
        raise UserError(f"{path}: is {why}") from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UserError(f"{path}: cannot be read: {why}") from None
    stream = _unpacked(path, magic)
    try:
        head = stream.peek(2)[:2]
    except DAMAGED as error:
        stream.close()
        raise UserError(
            f"{path}: the compressed data is damaged: {error}; fetch it again"
        ) from None
    if encoding := _BOMS.get(head):
        text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="")
        return io.BufferedReader(_Recoded(text))
    return stream  # type: ignore[no-any-return] # one of several classes with `peek`


def _unpacked(path: Path, magic: bytes) -> Any:
    """Choose the decompressor by the file's first bytes; its name may lie."""
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(path)
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(path)
    if magic.startswith(b"\xfd7zXZ\x00"):
        return lzma.LZMAFile(path)
    if magic.startswith(b"\x28\xb5\x2f\xfd"):
        return io.BufferedReader(pa.CompressedInputStream(path.open("rb"), "zstd"), STEP)
    return path.open("rb")


class NoLogError(UserError):
    """A file's bytes are no text; that is so until they change."""


class _Recoded(io.RawIOBase):
    """Text of another encoding, read as UTF-8 bytes."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if not self._left:
            self._left = self._text.read(1 << 18).encode()
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size

    def close(self) -> None:
        self._text.close()
        super().close()


_HOLE = 16
"""NULs that the shortest of logs may hold."""


def must_be_text(name: str, stream: BufferedIOBase) -> None:
    """Refuse what is empty or binary; a log that was truncated under its writer begins with NULs.

    Raises:
        NoLogError: it is none.
    """
    read = stream.read1(_HEAD)
    head = read.lstrip(b"\0")
    while read and not head:
        read = stream.read1(_HEAD)
        head = read.lstrip(b"\0")
    if not head:
        raise NoLogError(f"{name}: is empty; nothing to add")
    text = sum(byte >= ord(" ") or byte in b"\t\r\n\x1b\0" for byte in head)
    if text < _TEXT * len(head) or head.count(0) > max(len(head) // 2, _HOLE):
        raise NoLogError(f"{name}: is a binary file, not a log; nothing of it was added")
