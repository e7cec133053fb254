"""The logs in an archive that somebody else made: .zip, and .tar however it is packed.

Nothing is believed: no path of a member is ever opened or written, what comes out is counted as it comes out, and
an archive that is damaged or breaks a limit gives nothing at all. An archive may hold archives, which are opened
too; those may hold none.
"""

import mmap
import tarfile
from calendar import timegm
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_IFMT, S_ISREG
from struct import error as StructError  # noqa: N812 - an exception, which begins with a capital
from typing import IO, NoReturn
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from lastseen.errors import UserError
from lastseen.hostpath import shown
from lastseen.pull.spool import Draft
from lastseen.pull.tarstream import Forward
from lastseen.unpack import DAMAGED, STEP, must_be_text, open_bytes

_BROKEN = (
    *DAMAGED, BadZipFile, tarfile.TarError, StructError, ValueError, OverflowError, NotImplementedError,
    RecursionError,
)  # fmt: skip
"""What reading a damaged archive, or one made to do harm, may raise."""
_ZIPS = (".zip",)
_TARS = (".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")  # fmt: skip
_RATIO, _FREE = 1000, 16 << 20
"""What unpacks to more than so many times its size is a bomb, once it is larger than so many bytes."""
_DEPTH = 1
"""How deep archives may lie in archives."""

_Drafts = Callable[[], AbstractContextManager[Draft]]
_Members = Generator[tuple[str, float, Iterator[bytes]], None, None]
"""Each file of an archive: its name, when it was last changed (seconds since 1970), its bytes."""


class RefusedError(UserError):
    """An archive of which nothing is taken; it would be no other a second time."""


@dataclass(frozen=True)
class Limits:
    """What one archive may hold, with all archives in it."""

    files: int
    """Entries: files, folders, links."""
    size: int
    """Bytes, unpacked."""


@dataclass
class Contents:
    """What came out of an archive."""

    logs: list[tuple[Draft, str]] = field(default_factory=list)
    """Finished drafts, each with what rows call it: ``upload.zip!/path/in/zip.log``."""
    skipped: int = 0
    """Members that are no logs: binary ones, empty ones, what macOS puts beside each file."""
    left_out: Counter[str] = field(default_factory=Counter)
    """How many members were not looked at, by why."""


def is_archive(path: Path, name: str) -> bool:
    """Say whether a file is one, by its first bytes or, where they tell nothing, by its name."""
    return _is_zip(path, name) or _is_tar(path, name)


def unpack(
    path: Path, name: str, limits: Limits, draft: _Drafts,
    keep: ExitStack,
) -> Contents:  # fmt: skip
    """Unpack the logs of an archive into drafts.

    Args:
        path: The archive; nobody else may write to it.
        name: What rows call it.
        limits: What it may hold.
        draft: Makes a draft.
        keep: Closes the drafts.

    Raises:
        RefusedError: it is damaged or encrypted, or breaks a limit; the drafts so far are for nothing.
    """
    unpacking = _Unpacking(name, limits, path.stat().st_size, draft, keep)
    unpacking.archive(path, name, 0)
    return unpacking.found


@dataclass
class _Unpacking:
    """One archive on its way out, with those in it."""

    name: str
    limits: Limits
    packed: int
    """The size of the archive itself, in bytes."""
    draft: _Drafts
    keep: ExitStack
    found: Contents = field(default_factory=Contents)
    names: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    size: int = 0
    """Bytes that have come out."""

    def archive(self, path: Path, name: str, depth: int) -> None:
        """Take the logs of one archive."""
        members = self._zip(path) if _is_zip(path, name) else self._tar(path)
        with closing(members):
            for member, changed, pieces in members:
                self._member(name, member, changed, pieces, depth)

    def _member(
        self, name: str, member: str, changed: float, pieces: Iterator[bytes], depth: int
    ) -> None:
        """Take one file of an archive, if it is a log or an archive itself."""
        parts = member.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or parts[0].endswith(":"):
            self.found.left_out["with a path that leads out of it"] += 1
            return
        if "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] == ".DS_Store":
            self.found.skipped += 1
            return
        plain = f"{name}!/{shown(member)}"
        self.names[plain] += 1
        again = self.names[plain]
        called = plain if again == 1 else f"{name}!{again}/{shown(member)}"
        with ExitStack() as one:
            draft = one.enter_context(self.draft())
            for piece in pieces:
                draft.write(piece)
            draft.file.flush()
            if is_archive(draft.path, member):
                if depth < _DEPTH:
                    self.archive(draft.path, called, depth + 1)
                else:
                    self.found.left_out["that are archives, too deep inside one another"] += 1
            elif _is_log(draft.path, called):
                draft.finish(changed)
                self.found.logs.append((draft, called))
                self.keep.push(one.pop_all())
            else:
                self.found.skipped += 1

    def _zip(self, path: Path) -> _Members:
        self._must_have_few_entries(path)
        with _sound(self.name), ZipFile(path) as opened:
            infos = opened.infolist()
            self._must_not_overlap(infos)
            for info in infos:
                self._count()
                kind = S_IFMT(info.external_attr >> 16)
                if info.is_dir():
                    continue
                if kind and not S_ISREG(kind):
                    self.found.left_out["that are links or devices"] += 1
                    continue
                self._must_be_plain(info)
                with opened.open(info) as stream:
                    yield info.filename, timegm((*info.date_time, 0, 0, 0)), self._pieces(stream)

    def _tar(self, path: Path) -> _Members:
        with _sound(self.name), open_bytes(path) as stream:
            forward = Forward(stream, self._spend)
            with tarfile.TarFile(fileobj=forward) as opened:  # type: ignore[arg-type] # all of a file that it uses
                while (member := opened.next()) is not None:
                    self._count()
                    if member.isdir():
                        continue
                    if not member.isreg() or member.issparse():
                        self.found.left_out["that are links or devices"] += 1
                        continue
                    data = opened.extractfile(member)
                    if data is not None:
                        with data:
                            yield member.name, member.mtime, self._pieces(data, counted=True)
            forward.must_have_ended()

    def _pieces(self, stream: IO[bytes], *, counted: bool = False) -> Iterator[bytes]:
        """Yield a member's bytes; counted here, where the archive's own are not counted as they come."""
        with _sound(self.name):
            while piece := stream.read(STEP):
                if not counted:
                    self._spend(len(piece))
                yield piece

    def _count(self) -> None:
        self.entries += 1
        if self.entries > self.limits.files:
            self._refuse(f"holds more than {self.limits.files} files (max_files)")

    def _spend(self, size: int) -> None:
        self.size += size
        if self.size > self.limits.size:
            self._refuse(f"unpacks to more than {self.limits.size >> 20} MB (max_megabytes)")
        if self.size > max(_FREE, _RATIO * self.packed):
            self._refuse(f"unpacks to more than {_RATIO} times its size, as no logs do")

    def _refuse(self, why: str) -> NoReturn:
        raise RefusedError(f"{self.name}: {why}; nothing of it was taken")

    def _must_have_few_entries(self, path: Path) -> None:
        """Count the entries of a .zip before zipfile makes an object of each."""
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = -1
            for _ in range(self.limits.files + 1):
                at = data.find(b"PK\x01\x02", at + 1)
                if at < 0:
                    return
        self._refuse(f"holds more than {self.limits.files} files (max_files)")

    def _must_not_overlap(self, infos: list[ZipInfo]) -> None:
        """Refuse a .zip in which several entries unpack the same bytes."""
        end = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            if info.header_offset < end:
                self._refuse("has entries that overlap, as those made to do harm do")
            end = info.header_offset + 30 + len(info.orig_filename) + info.compress_size

    def _must_be_plain(self, info: ZipInfo) -> None:
        if info.flag_bits & 1:
            self._refuse("is encrypted, and lastseen has no password for it; upload it without one")
        if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            # bzip2 in a .zip unpacks gigabytes in one step, all in memory.
            self._refuse("is packed in an uncommon way; pack it with deflate, as `zip` does")


@contextmanager
def _sound(name: str) -> Iterator[None]:
    """Refuse an archive that cannot be read to its end."""
    try:
        yield
    except RefusedError:
        raise
    except (UserError, *_BROKEN) as error:
        said = "its compressed data cannot be read" if isinstance(error, UserError) else str(error)
        why = shown(" ".join(said.split()))[:200] or type(error).__name__
        raise RefusedError(
            f"{name}: is damaged ({why}); nothing of it was taken, upload it again"
        ) from None


def _is_zip(path: Path, name: str) -> bool:
    with path.open("rb") as file:
        return file.read(4) in (b"PK\x03\x04", b"PK\x05\x06") or name.lower().endswith(_ZIPS)


def _is_tar(path: Path, name: str) -> bool:
    if name.lower().endswith(_TARS):
        return True
    try:
        with open_bytes(path) as stream:
            return stream.read(tarfile.BLOCKSIZE)[257:262] == b"ustar"
    except (UserError, *DAMAGED):
        return False


def _is_log(path: Path, name: str) -> bool:
    try:
        with open_bytes(path) as stream:
            must_be_text(name, stream)
    except (UserError, *DAMAGED):
        return False
    return True
