"""A drop folder: what hosts upload, each file once, archives too.

An upload is known by its bytes and its host, so the same one under another name is not read again. A file that
stays (``then = "keep"``) costs a look at its size and times on each later pull, and is read again only once they
change. Whoever may upload may be hostile: links are not followed, and what changes while it is read waits.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import IO

from lastseen.errors import UserError
from lastseen.pull.archive import Limits, RefusedError, is_archive, unpack
from lastseen.pull.dropfolder import Upload, uploads
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Draft, Note, Spool
from lastseen.sources import Inbox
from lastseen.state import stamp
from lastseen.unpack import DAMAGED, STEP, must_be_text, open_bytes

_MOST = 100_000
"""Files that are looked at in one pull."""
_KEY = "file:"
_TAKEN, _LEFT, _WAITS = "taken", "left", "waits"
"""What was decided of a file: its logs are in the spool, there is nothing to take of it, it is not settled."""


@dataclass
class _Pull:
    """One pull on its way."""

    source: Inbox
    spool: Spool
    errand: Errand
    outcome: Outcome
    known: dict[str, str]
    """What was decided of each file, by its key."""
    met: set[str] = field(default_factory=set)


def pull(source: Inbox, spool: Spool, errand: Errand) -> Outcome:
    """Take what was uploaded and has settled.

    A file is settled once it has not changed for ``settle``. The kernel's own time of change counts, which no
    uploader can set; a time of writing that lies in the future is passed over. Where the clock was set back, so
    that even the kernel's time is in the future, a file is settled that looked the same one ``settle`` earlier.

    What cannot be taken (a damaged archive, a link, a binary file) is told once, and again when it changes.
    With ``{host}`` in the path, files beside the hosts' folders belong to nobody and are passed over.

    Raises:
        UserError: the folder is not there or may not be read, or the spool's disk is full.
    """
    this = _Pull(source, spool, errand, Outcome(), spool.recall_all(_KEY))
    for upload in uploads(source.path, spool.below, this.outcome.problems.append):
        if errand.over or len(this.met) >= _MOST:
            this.outcome.problems += _cut(this)
            break
        this.met.add(_key(upload))
        _consider(this, upload)
        errand.told(len(this.met), 0)
    else:
        spool.forget(this.known.keys() - this.met)
    this.outcome.wanted = len(this.met)
    return this.outcome


def _cut(this: _Pull) -> Iterator[str]:
    """Yield why no further file is looked at; being stopped is no problem."""
    if len(this.met) >= _MOST:
        yield f'{this.source.path}: holds more than {_MOST} files; delete some, or say then = "delete"'
    elif not this.errand.stopped():
        yield (
            f"{this.source.path}: the time was over before all of it was read; "
            "the rest comes with the next pull"
        )


def _consider(this: _Pull, upload: Upload) -> None:
    """Take a file, unless it is known, or not settled, or no file."""
    look, decided, when = _recall(this, upload)
    same = look == _look(this.source, upload.looks)
    if same and decided == _TAKEN:
        _dispose(this, upload)
    elif same and decided == _LEFT:
        return
    elif not stat.S_ISREG(upload.looks.st_mode):
        link = stat.S_ISLNK(upload.looks.st_mode)
        why = "is a symbolic link, which is not followed" if link else "is no plain file"
        _leave(this, upload, f"{upload.name}: {why}")
    elif _settled(this, upload, when if same else None):
        try:
            _take(this, upload)
        except RefusedError as error:
            _leave(this, upload, str(error))


def _settled(this: _Pull, upload: Upload, waits: int | None) -> bool:
    """Say whether a file has not changed for long enough.

    Args:
        this: The pull.
        upload: The file.
        waits: Since when it has looked the same, in microseconds since 1970, where an earlier pull noted that.
    """
    now = stamp(this.errand.now)
    settle = this.source.settle // timedelta(microseconds=1)
    changed = upload.looks.st_ctime_ns // 1000
    if changed <= now:
        written = upload.looks.st_mtime_ns // 1000
        return now - max(changed, written if written <= now else 0) >= settle
    if waits is None or waits > now:
        this.spool.remember(_decision(this, upload, _WAITS))
        return False
    return now - waits >= settle


def _take(this: _Pull, upload: Upload) -> None:
    """Copy a file and keep what is in it; one that changes meanwhile waits.

    Raises:
        RefusedError: nothing of it can be taken.
        UserError: the spool's disk is full.
    """
    try:
        handle = upload.open()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RefusedError(f"{upload.name}: cannot be read: {_reason(error)}") from None
    with os.fdopen(handle, "rb") as file, ExitStack() as drafts:
        draft = drafts.enter_context(this.spool.draft())
        digest = _copied(upload, file, draft)
        if _look(this.source, os.fstat(handle)) != _look(this.source, upload.looks):
            return
        origin = f"{digest} {upload.host or ''}"
        if this.spool.was_seen(origin):
            this.spool.remember(_decision(this, upload, _TAKEN))
        elif is_archive(draft.path, upload.leaf):
            _keep_archive(this, upload, draft, drafts, origin)
        elif upload.looks.st_size:
            _keep_log(this, upload, draft, origin)
        else:
            this.spool.remember(_decision(this, upload, _LEFT))
            return
    _dispose(this, upload)


def _copied(upload: Upload, file: IO[bytes], draft: Draft) -> str:
    """Copy a file's bytes into a draft; return their SHA-256.

    Raises:
        RefusedError: it cannot be read.
    """
    digest = hashlib.sha256()
    while True:
        try:
            piece = file.read(STEP)
        except OSError as error:
            raise RefusedError(f"{upload.name}: cannot be read: {_reason(error)}") from None
        if not piece:
            break
        digest.update(piece)
        draft.write(piece)
    draft.file.flush()
    return digest.hexdigest()


def _keep_log(this: _Pull, upload: Upload, draft: Draft, origin: str) -> None:
    try:
        with open_bytes(draft.path) as stream:
            must_be_text(upload.name, stream)
    except UserError as error:
        raise RefusedError(str(error).replace(str(draft.path), upload.name)) from None
    except DAMAGED:
        raise RefusedError(
            f"{upload.name}: the compressed data is damaged; fetch it again"
        ) from None
    draft.finish(upload.looks.st_mtime)
    notes = [(draft, [_note(this, upload, upload.name)])]
    this.spool.keep(notes, this.errand.now, _decision(this, upload, _TAKEN), [origin])


def _keep_archive(
    this: _Pull, upload: Upload, draft: Draft, drafts: ExitStack, origin: str
) -> None:
    """Keep all logs of an archive in one step, so that it is taken whole or not at all."""
    limits = Limits(this.source.max_files, this.source.max_megabytes << 20)
    found = unpack(draft.path, upload.name, limits, this.spool.draft, drafts)
    if not found.logs:
        raise RefusedError(f"{upload.name}: there is no log in it; nothing of it was taken")
    notes = [(log, [_note(this, upload, called)]) for log, called in found.logs]
    this.spool.keep(notes, this.errand.now, _decision(this, upload, _TAKEN), [origin])
    this.outcome.skipped += found.skipped
    this.outcome.problems += [
        f"{upload.name}: {count} members were left out {why}"
        for why, count in sorted(found.left_out.items())
    ]


def _note(this: _Pull, upload: Upload, name: str) -> Note:
    return Note(name, this.source.format, upload.host or this.source.host, this.source.zone)


def _leave(this: _Pull, upload: Upload, problem: str) -> None:
    """Tell why nothing is taken of a file, and do not try again until it changes."""
    this.spool.remember(_decision(this, upload, _LEFT))
    this.outcome.problems.append(problem)


def _dispose(this: _Pull, upload: Upload) -> None:
    """Delete a file whose bytes are safe, where the user wants that; not one that was written to since."""
    if this.source.then != "delete":
        return
    try:
        if _look(this.source, upload.now()) == _look(this.source, upload.looks):
            upload.delete()
    except FileNotFoundError:
        return
    except OSError as error:
        this.outcome.problems.append(
            f"{upload.name}: was read, but cannot be deleted: {_reason(error)}"
        )


def _key(upload: Upload) -> str:
    """Return under what the source remembers what was decided of a file."""
    return _KEY + upload.name


def _look(source: Inbox, looks: os.stat_result) -> list[int]:
    """Return what is another once a file is another, or the limits are that an archive breaks."""
    return [
        looks.st_size, looks.st_mtime_ns, looks.st_ino, looks.st_ctime_ns, source.max_files,
        source.max_megabytes,
    ]  # fmt: skip


def _decision(this: _Pull, upload: Upload, what: str) -> dict[str, str]:
    """Return what is to be remembered of a file."""
    decided = [_look(this.source, upload.looks), what, stamp(this.errand.now)]
    return {_key(upload): json.dumps(decided, separators=(",", ":"))}


def _recall(this: _Pull, upload: Upload) -> tuple[list[int], str, int]:
    """Return how a file looked when something was decided of it, what, and when."""
    look, what, when = json.loads(this.known.get(_key(upload), '[[],"",0]'))
    return look, what, when


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
