"""Logs on this machine: which files there are to read now, and how much of their ends may be taken.

They are read where they are; what was read of them is known by their bytes, whatever they are called by now. A log's
rotated files belong to it: the lines between the last pull and the rotation are in them.
"""

import os
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from lastseen import hostpath
from lastseen.logfile import Ends, LogFile
from lastseen.pull.rotation import PACKED, rotated_from
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.sources import Files

_QUIET = timedelta(minutes=1)
"""A log that was not written to for so long has ended its last record, and if it was rotated, its last line."""
_COPYING = timedelta(seconds=10)
"""A packed file is whole once it was not changed for so long."""
_HEAD = 64 << 10
_BEGAN = "began"
_LIVE = "live."


@dataclass(frozen=True)
class _Seen:
    """A file as it was when it was listed."""

    path: Path
    host: str | None
    status: os.stat_result
    live: Path | None = None
    """The log that it was rotated from."""

    @property
    def key(self) -> tuple[int, int]:
        return self.status.st_dev, self.status.st_ino

    @property
    def sign(self) -> str:
        """Changes whenever its bytes may have."""
        s = self.status
        return f"{s.st_dev}.{s.st_ino}.{s.st_size}.{s.st_mtime_ns}.{s.st_ctime_ns}"

    def quiet(self, now: datetime, span: timedelta) -> bool:
        """Say whether it was not touched for a span; a time to come is one of a clock that was wrong."""
        touched = max(self.status.st_mtime, self.status.st_ctime)
        return not 0 <= now.timestamp() - touched < span.total_seconds()


def pull(source: Files, spool: Spool, errand: Errand) -> Outcome:
    """Return the files that may hold something new, each once."""
    outcome = Outcome()
    since = _since(source, spool, errand.now)
    read = spool.recall_all("read.")
    found: dict[tuple[int, int], _Seen] = {}
    for seen in _listed(source, spool, outcome):
        better = found.get(seen.key)
        if better is None or (better.live is None and seen.live is not None):
            found[seen.key] = seen
    for seen in sorted(found.values(), key=lambda one: one.path):
        outcome.wanted += 1
        name = hostpath.name_of(seen.path)
        if not seen.status.st_size or read.get(f"read.{name}") == seen.sign:
            continue
        if seen.live and (seen.status.st_mtime < since or _unfinished(seen, errand.now)):
            continue
        file = LogFile(seen.path, name, seen.host or source.host, ends=_ends(seen, errand.now))
        outcome.files.append(file)
        outcome.signs[name] = seen.sign
    gone = read.keys() - {f"read.{hostpath.name_of(seen.path)}" for seen in found.values()}
    spool.forget([*gone, *(f"binary.{key.removeprefix('read.')}" for key in gone)])
    return outcome


def _since(source: Files, spool: Spool, now: datetime) -> float:
    """Return the time from which on rotated files are this source's; older ones were there before it was."""
    began = spool.recall(_BEGAN)
    if began is None:
        began = (now - source.since).astimezone(UTC).isoformat()
        spool.remember({_BEGAN: began})
    return datetime.fromisoformat(began).timestamp()


def _listed(source: Files, spool: Spool, outcome: Outcome) -> Iterator[_Seen]:
    """Yield the files that the source's paths name, and those that were rotated from them.

    A log that is not there now, for its program has not opened the next one yet, is looked beside all the same.
    """
    before = {_path(key.removeprefix(_LIVE)): host for key, host in spool.recall_all(_LIVE).items()}
    now: dict[Path, str | None] = {}
    folders: dict[Path, list[str]] = {}
    for given in source.paths:
        paths = sorted(set(hostpath.matches(given)))
        if not paths and not before:
            outcome.problems.append(f"{given}: there is no such file, so nothing is read from it")
        for path, host in paths:
            now |= dict.fromkeys(_target(path, spool), host)
    gone = {path: host or None for path, host in before.items() if path not in now}
    for live, host in (now | gone).items():
        found = list(_with_rotated(live, host, outcome, folders))
        yield from found
        if live in gone and not found:
            spool.forget([f"{_LIVE}{_kept(live)}"])
    if new := now.keys() - before.keys():
        spool.remember({f"{_LIVE}{_kept(path)}": now[path] or "" for path in new})


def _target(path: Path, spool: Spool) -> list[Path]:
    """Return the file itself: of a link what it points to, and what it pointed to at the last pull."""
    if not path.is_symlink():
        return [path]
    target = Path(os.path.realpath(path))  # of a loop, itself; Path.resolve would raise an error
    key = f"link.{hostpath.name_of(path)}"
    before = spool.recall(key)
    now = _kept(target)
    if before != now:
        spool.remember({key: now, f"{key}.before": before or now})
    else:
        before = spool.recall(f"{key}.before")
    return list(dict.fromkeys([target, *(_path(one) for one in [before] if one)]))


def _kept(path: Path) -> str:
    """Return a path as text that can be remembered, whatever bytes are in it."""
    return os.fsencode(path).decode("latin-1")


def _path(kept: str) -> Path:
    return Path(os.fsdecode(kept.encode("latin-1")))


def _with_rotated(
    live: Path, host: str | None, outcome: Outcome, folders: dict[Path, list[str]]
) -> Iterator[_Seen]:
    """Yield a log and what was rotated from it.

    Args:
        live: The log.
        host: Whose it is.
        outcome: Told what cannot be read.
        folders: The names in folders that were listed before, sorted: one may hold thousands of logs.
    """
    yield from _look(live, host, None, outcome)
    if live.parent not in folders:
        folders[live.parent] = _names(live.parent)
    names = folders[live.parent]
    rotated = rotated_from(live.name)
    for name in names[bisect_left(names, live.stem) :]:
        if not name.startswith(live.stem):
            break
        if rotated.fullmatch(name):
            yield from _look(live.parent / name, host, live, outcome)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []  # it went since it was listed: so did what is in it


def _look(path: Path, host: str | None, live: Path | None, outcome: Outcome) -> Iterator[_Seen]:
    """Yield a file as it is now; one that has gone is under another name, or will be missed there."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        outcome.problems.append(f"{hostpath.name_of(path)}: cannot be read: {why}")
        return
    if S_ISREG(status.st_mode):
        yield _Seen(path, host, status, live)
    elif S_ISDIR(status.st_mode) and live is None:
        outcome.problems.append(
            f"{hostpath.name_of(path)}: the folder cannot be listed; may this user?"
        )


def _unfinished(seen: _Seen, now: datetime) -> bool:
    """Say whether a rotated file is still being made: packed, or copied from a log that is cut off next."""
    if seen.path.suffix in PACKED:
        return seen.path.with_suffix("").exists() or not seen.quiet(now, _COPYING)
    if seen.quiet(now, _COPYING) or seen.live is None:
        return False
    return _head(seen.path, _HEAD) == _head(seen.live, min(_HEAD, seen.status.st_size))


def _head(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _ends(seen: _Seen, now: datetime) -> Ends:
    if seen.path.suffix in PACKED:
        return Ends.WHOLE
    if not seen.quiet(now, _QUIET):
        return Ends.RECORDS
    return Ends.WHOLE if seen.live else Ends.LINES
