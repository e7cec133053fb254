"""Reads on in the files of one host, over SFTP, from where the last pull ended.

What a path names is read. What stands beside it under a rotated name is read if it was changed since the host's
first pull less the source's ``since``: it then continues a file that is known, or came and went between two pulls.
"""

import posixpath
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import asyncssh

from lastseen.pull.remote_content import (
    PIECE,
    ChangedError,
    Content,
    Plain,
    Unpacked,
    asked,
    is_packed,
    upto,
)
from lastseen.pull.remote_list import Listing, Remote
from lastseen.pull.remote_marks import HEAD, NOWHERE, TAIL, Mark, Marks, Place, digest
from lastseen.pull.source import Errand
from lastseen.pull.spool import Draft, Note, Spool
from lastseen.pull.ssh_connect import answered
from lastseen.pull.ssh_trust import RefusedError, said
from lastseen.sources import Ssh
from lastseen.targets import Target

UNIT = 64 << 20
"""Bytes of a unit, at most."""
_SLICE = 30.0
"""Seconds after which what came of a file is kept, so that a slow line loses little when it breaks."""


@dataclass(frozen=True)
class _Copied:
    """What was written to a draft."""

    size: int
    lines: int
    """Line ends in it."""
    whole: int
    """Bytes up to the last line end."""
    ended: bool
    """The file has no more for now."""


@dataclass(frozen=True)
class _Opened:
    """A file at the place from which to read on."""

    remote: Remote
    place: Place
    plain: Plain
    """Its bytes as they lie there."""
    head: bytes
    """Its first bytes, ``HEAD`` of them or all there are."""
    content: Content
    packed: str = ""
    stood: Mark | None = None
    """Its mark, where it stood just so at the last pull: what lacks a line's end then gets none."""


class RemoteFiles:
    """The files of one host."""

    def __init__(
        self, source: Ssh, target: Target, spool: Spool, errand: Errand, sftp: asyncssh.SFTPClient
    ) -> None:
        """Take what to read, and recall how far it was read."""
        self._source = source
        self._target = target
        self._spool = spool
        self._errand = errand
        self._sftp = sftp
        self._seconds = source.timeout.total_seconds()
        self._marks = Marks(spool, target.text, errand.now)

    async def read(self) -> list[str]:
        """Read what is new; each unit is kept as soon as it is whole.

        Returns:
            What could not be read, a sentence each.

        Raises:
            AbsentError: the host does not answer any more.
            UserError: the disk is full.
        """
        problems = []
        listing = Listing(self._sftp, self._seconds)
        done: set[bytes] = set()
        for pattern in self._source.paths:
            try:
                found = await listing.files(pattern)
            except RefusedError as error:
                problems.append(str(error))
                continue
            names = {remote.path for remote in found}
            floor = self._marks.floor(pattern, self._source.since)
            for remote in found:
                if self._errand.over:
                    return problems
                if remote.path in done or _is_old(remote, floor):
                    continue
                done.add(remote.path)
                try:
                    await self._file(remote, names)
                except RefusedError as error:
                    problems.append(f"{remote.shown}: {error}")
                except ChangedError:
                    continue  # it is another file now, and the next pull finds what became of this one
        if not problems:
            self._marks.forget()
        return problems

    async def _file(self, remote: Remote, others: set[bytes]) -> None:
        place = Place(remote.shown, remote.size, remote.changed)
        known = self._marks.standing(place)
        if known and not (known.held and remote.live):
            self._marks.stands(known, place)
            return
        async with self._open(remote) as plain:
            if plain is None:
                return
            place = Place(remote.shown, plain.size, plain.changed)
            head = await upto(plain, 0, HEAD)
            if is_packed(head):
                if posixpath.splitext(remote.path)[0] not in others:  # else it is being made now
                    await self._packed(_Opened(remote, place, plain, head, plain, digest(head)))
            elif await self._is_known(plain, head) or not await self._is_copy(remote, plain, head):
                await self._rest(_Opened(remote, place, plain, head, plain, stood=known))

    @asynccontextmanager
    async def _open(self, remote: Remote) -> AsyncIterator[Plain | None]:
        """Yield an open file; None where it is gone, for it was rotated a moment ago."""
        try:
            file = await answered(self._sftp.open(remote.path, "rb", encoding=None), self._seconds)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            yield None
            return
        except asyncssh.SFTPPermissionDenied:
            raise RefusedError("may not be read by this user") from None
        except asyncssh.SFTPError as error:
            raise RefusedError(f"cannot be opened: {said(error)}") from None
        plain = Plain(file, await asked(file.stat(), self._seconds), self._seconds)
        try:
            yield plain
        finally:
            await plain.close()

    async def _is_known(self, content: Content, head: bytes) -> bool:
        return await self._marks.find(head, partial(upto, content)) is not None

    async def _is_copy(self, remote: Remote, plain: Plain, head: bytes) -> bool:
        """Say whether a rotated file is still being copied from its log, which is cut off next.

        What there is of it may have been read in the log, and further than it goes.
        """
        if remote.live is None or remote.live == remote.path:
            return False
        async with self._open(replace(remote, path=remote.live)) as live:
            if live and await upto(live, 0, len(head)) == head:
                return True
        return not await plain.unchanged()

    async def _packed(self, opened: _Opened) -> None:
        """Read a compressed file from a copy, unless it was read under another name."""
        known = self._marks.compressed(opened.place, opened.packed)
        if known:
            self._marks.stands(known, opened.place)
            return
        with self._spool.draft() as copy:
            start = 0
            while data := await opened.plain.read(start, PIECE):
                copy.write(data)
                start += len(data)
                if self._errand.over:
                    return
            copy.file.flush()
            if not await opened.plain.unchanged():
                raise ChangedError
            content = Unpacked(copy.path)
            try:
                head = await upto(content, 0, HEAD)
                await self._rest(replace(opened, content=content, head=head))
            finally:
                content.close()
        if content.damaged:
            if not self._marks.standing(opened.place):
                self._marks.stands(replace(self._marks.new(), packed=opened.packed), opened.place)
            raise RefusedError("the compressed data breaks off; what came before that was read")

    async def _rest(self, opened: _Opened) -> None:
        """Read a file on to its end, a unit after the other."""
        found = await self._marks.find(opened.head, partial(upto, opened.content))
        # Nothing was read of a file whose only line lacks its end; it has a mark for where it stands.
        begun = opened.stood if opened.stood and not opened.stood.size else self._marks.new()
        mark, tail = found or (begun, b"")
        while not self._errand.over:
            mark, tail, more = await self._unit(opened, mark, tail)
            if not more:
                return

    async def _unit(self, opened: _Opened, mark: Mark, tail: bytes) -> tuple[Mark, bytes, bool]:
        """Keep the next unit of a file; return how far it was read then, and whether there is more.

        Raises:
            ChangedError: it was written over while it was read; nothing was kept.
        """
        with self._spool.draft() as draft:
            copied = await self._copy(opened.content, draft, mark.size)
            final = copied.ended and (opened.content.final or opened.stood is not None)
            cut = copied.size if final else copied.whole
            if not cut:
                self._nothing(opened, mark, copied)
                return mark, tail, False
            if not await opened.content.same(opened.head):
                raise ChangedError
            new, tail = _mark(opened, mark, tail, copied, draft, cut)
            draft.finish(opened.place.changed)
            draft.keep([self._note(opened.remote, mark)], self._errand.now, self._marks.row(new))
        self._marks.kept(new)
        return new, tail, not copied.ended

    def _nothing(self, opened: _Opened, mark: Mark, copied: _Copied) -> None:
        """Note that a file has no whole line more."""
        if copied.size >= UNIT:
            raise RefusedError(f"over {UNIT >> 20} MiB without a line's end; is this a log?")
        if copied.ended and (mark.size or (opened.remote.live and copied.size)):
            self._marks.stands(_standing(opened, mark, held=copied.size > 0), opened.place)

    async def _copy(self, content: Content, draft: Draft, start: int) -> _Copied:
        """Write a file's bytes from a place on to a draft: a unit, or as many as there are."""
        began = time.monotonic()
        size = lines = whole = 0
        while size < UNIT and not self._errand.over and time.monotonic() - began < _SLICE:
            data = await content.read(start + size, min(PIECE, UNIT - size))
            if not data:
                return _Copied(size, lines, whole, ended=True)
            draft.write(data)
            lines += data.count(b"\n")
            last = data.rfind(b"\n")
            whole = size + last + 1 if last >= 0 else whole
            size += len(data)
        return _Copied(size, lines, whole, ended=False)

    def _note(self, remote: Remote, mark: Mark) -> Note:
        slash = "" if remote.shown.startswith("/") else "/~/"
        return Note(
            f"ssh://{self._target.shown}{slash}{remote.shown}",
            self._source.format,
            self._target.name,
            self._source.zone,
            mark.lines + mark.whole,
        )


def _is_old(remote: Remote, floor: datetime) -> bool:
    """Say whether nobody asked for a file, and it can have no line that is not known."""
    return not remote.named and datetime.fromtimestamp(remote.changed, UTC) < floor


def _mark(
    opened: _Opened, old: Mark, tail: bytes, copied: _Copied, draft: Draft, cut: int
) -> tuple[Mark, bytes]:
    """Cut a draft to what is to be kept; return how far the file was read then, and its last bytes."""
    draft.file.truncate(cut)
    draft.file.seek(max(0, cut - TAIL))
    tail = (tail + draft.file.read())[-TAIL:]
    size = old.size + cut
    whole = cut == copied.whole
    begins = opened.head[:size]
    new = Mark(
        slot=old.slot,
        size=size,
        # The rest of a line that was begun before begins none.
        lines=old.lines + copied.lines + (not whole) - (not old.whole),
        head_size=len(begins),
        head=digest(begins),
        tail=digest(tail),
        whole=whole,
        held=cut < copied.size,
        packed=opened.packed,
        place=opened.place if copied.ended else NOWHERE,
    )
    return new, tail


def _standing(opened: _Opened, mark: Mark, *, held: bool) -> Mark:
    """Return the mark of a file of which nothing was read, to be remembered where it stands."""
    return replace(mark, held=held, packed=opened.packed)
