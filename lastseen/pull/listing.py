"""Which objects a store holds: those that a source asks for, each with its version."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lastseen.hostpath import host_pattern, literal, shown
from lastseen.pull.source import Errand
from lastseen.pull.store import Store

_DAY = re.compile(r"(?:\w+=)?(\d{4})-?(\d\d)-?(\d\d)")
_YEAR, _PART = re.compile(r"(?:\w+=)?(20\d\d)"), re.compile(r"(?:\w+=)?(\d\d)")
_DEEPEST = 8
"""So many folders in one another are looked into for a date; what lies deeper is listed at once."""
_CHANGED = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")
"""What the stores' clients call the time of the last change."""


@dataclass(frozen=True, slots=True)
class Object:
    """One object as it was when it was listed."""

    path: str
    size: int
    version: str
    """What is another once it was overwritten."""
    changed: datetime | None
    host: str | None

    @property
    def origin(self) -> str:
        """What tells it, as it is now, from all others."""
        return f"{self.path} {self.version}"


def objects(store: Store, errand: Errand) -> Iterator[Object]:
    """Yield what the URL names and is not empty, in no order; markers of folders are empty.

    The folders of the first level are listed one after another, so what is in memory at once is one of them: about
    1 kB for each of its objects.

    With ``since``, folders that are named by date (``2026/03/10/``, ``year=2026/month=03/``, ``2026-03-10/``) and
    ended a day before it are not even listed: of ``AWSLogs/ACCOUNT/elasticloadbalancing/REGION/yyyy/mm/dd/`` only
    the last days cost requests. An object that is written into an older folder later is then not found. Without
    ``since``, and among folders of other names, all is listed each time: a request for each 1000 objects.

    Raises:
        StoreError: the store cannot be listed.
    """
    since = store.source.since
    after = None if since is None else errand.now - since
    wanted = host_pattern(store.path)
    for entry in _walk(store, errand, literal(store.path).rstrip("/") or "/", after, ()):
        path, size = str(entry["name"]), entry.get("size")
        matched = wanted.match(path)
        if matched is None or not size or entry.get("type") != "file":
            continue
        changed = _changed(entry)
        if after is None or changed is None or changed >= after:
            host = matched.groupdict().get("host")
            yield Object(path, int(size), version(entry), changed, host and shown(host))


def version(entry: Mapping[str, Any]) -> str:
    """Return what is another once an object was overwritten.

    Google: the MD5 of its bytes, or where it has none (a composed object) its generation. S3: its ETag. Azure: its
    ETag, which changes with its metadata too. Any other store: its size and its time of change.
    """
    for key in ("md5Hash", "ETag", "generation", "etag"):
        if entry.get(key):
            return f"{key.lower()}:{str(entry[key]).strip(chr(34))}"
    changed = _changed(entry)
    return f"time:{entry.get('size')}:{changed.isoformat() if changed else ''}"


def _changed(entry: Mapping[str, Any]) -> datetime | None:
    value = next((entry[key] for key in _CHANGED if entry.get(key)), None)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return None


def _walk(
    store: Store, errand: Errand, folder: str, after: datetime | None, day: tuple[int, ...]
) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a folder and of all below it that may hold what is wanted."""
    for entry in _ls(store, errand, folder):
        name = str(entry["name"])
        if entry.get("type") != "directory":
            yield entry
        elif name.rstrip("/") != folder.rstrip("/") and _may_hold(store.path, name):
            inner = _dated(name.rstrip("/").rpartition("/")[2], day)
            if after is not None and _ended(inner, after):
                continue
            begun = len(inner) == 3 or (inner == day and bool(day))  # noqa: PLR2004 - year, month, day
            if after is None or begun or name.count("/") - store.path.count("/") > _DEEPEST:
                left = errand.left
                yield from store.ask(errand, "find", name, seconds=left, detail=True).values()
            else:
                yield from _walk(store, errand, name, after, inner)
            store.files.invalidate_cache()


def _ls(store: Store, errand: Errand, folder: str) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = store.ask(errand, "ls", folder, detail=True)
    store.files.invalidate_cache()
    return found


def _may_hold(wanted: str, folder: str) -> bool:
    """Say whether what is wanted may lie in a folder."""
    depth = folder.strip("/").count("/") + 1
    head = "/".join(wanted.strip("/").split("/")[:depth])
    return "**" in head or host_pattern(head).match(folder.strip("/")) is not None


def _dated(name: str, day: tuple[int, ...]) -> tuple[int, ...]:
    """Return the date that a folder's name goes on with, after that of the folders above it."""
    if whole := _DAY.fullmatch(name):
        return tuple(map(int, whole.groups()))
    part = _PART.fullmatch(name) if day else _YEAR.fullmatch(name)
    return (*day, int(part[1])) if part else day


def _ended(day: tuple[int, ...], after: datetime) -> bool:
    """Say whether a year, month or day was over a day before a moment."""
    before = (after - timedelta(days=1)).astimezone(UTC)
    return day < (before.year, before.month, before.day)[: len(day)]
