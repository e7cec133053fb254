"""Objects of a store that others write to: each version of each object once, whenever it appears.

What is there is compared with what was fetched, not with a cursor: an object that appears late, with an older date or
an earlier name, is found. Several are fetched at once, in pieces, and come into the spool in the order of their dates.
Objects should appear whole, as they do in stores; in a folder (``file://``) that is up to who writes them.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lastseen.errors import UserError
from lastseen.pull.listing import Object, objects, version
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Draft, Note, Spool
from lastseen.pull.store import Store, StoreError, open_store
from lastseen.sources import Bucket

_PIECE = 8 << 20
"""Bytes that are asked for at once; so many, times ``at_once``, are in memory."""
_ENOUGH = 5
"""So many failures in a row are the store's: the objects after them are not tried."""
_FIRST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Fetch:
    """One object on its way into a draft."""

    wanted: Object
    draft: Draft
    closes: ExitStack
    came: Future[bool]
    """Says whether all of it came, and it is still what was listed."""


@dataclass
class _Failures:
    """What could not be fetched, by why."""

    first: dict[str, str] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)
    in_a_row: int = 0

    def add(self, url: str, why: str) -> None:
        """Count an object that could not be fetched."""
        self.first.setdefault(why, url)
        self.count[why] += 1
        self.in_a_row += 1

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each reason."""
        for why, count in self.count.items():
            more = f" ({count - 1} more objects too)" if count > 1 else ""
            yield f"{self.first[why]}: {why}{more}"


def pull(source: Bucket, spool: Spool, errand: Errand) -> Outcome:
    """Fetch what is new; what was fetched when the time is over stays, and an object that was cut off does not.

    Raises:
        UserError: the store cannot be listed, or its client is not installed, or the spool's disk is full.
    """
    store = open_store(source)
    outcome = Outcome()
    try:
        new = [one for one in objects(store, errand) if not spool.was_seen(one.origin)]
    except StoreError as error:
        if errand.stopped():
            return outcome
        if errand.left <= 0:
            raise UserError(
                f"{store.url(store.path)}: the time was over before it was listed; "
                "narrow url or since, or raise deadline"
            ) from None
        if not error.missing:
            raise UserError(f"{store.url(store.path)}: {error}") from None
        outcome.problems.append(f"{store.url(store.path)}: {error}; is the path right?")
        return outcome
    new.sort(key=lambda one: (one.changed or _FIRST, one.path))
    outcome.wanted = len(new)
    done = _fetch(store, spool, errand, new, outcome)
    if done < len(new) and not errand.stopped():
        why = "the time was over" if errand.left <= 0 else f"{_ENOUGH} in a row failed"
        outcome.problems.append(
            f"{store.url(store.path)}: {why}; {len(new) - done} of {len(new)} objects wait for the next pull"
        )
    return outcome


def _fetch(
    store: Store, spool: Spool, errand: Errand, new: Sequence[Object], outcome: Outcome
) -> int:
    """Fetch objects into the spool; return how many were dealt with."""
    under_way: deque[_Fetch] = deque()
    failures = _Failures()
    done = 0
    with ThreadPoolExecutor(store.at_once) as pool:
        try:
            for one in new:
                if errand.over or failures.in_a_row >= _ENOUGH:
                    break
                under_way.append(_begin(store, spool, errand, one, pool))
                if len(under_way) == store.at_once:
                    done += _finish(store, errand, under_way.popleft(), failures)
                    errand.told(done, len(new))
            while under_way:
                done += _finish(store, errand, under_way.popleft(), failures)
                errand.told(done, len(new))
        finally:
            for fetch in under_way:
                fetch.came.cancel()
                wait([fetch.came])
                fetch.closes.close()
    outcome.problems += failures.problems()
    return done


def _begin(
    store: Store, spool: Spool, errand: Errand, one: Object, pool: ThreadPoolExecutor
) -> _Fetch:
    with ExitStack() as stack:
        draft = stack.enter_context(spool.draft())
        came = pool.submit(_download, store, errand, one, draft)
        return _Fetch(one, draft, stack.pop_all(), came)


def _finish(store: Store, errand: Errand, fetch: _Fetch, failures: _Failures) -> int:
    """Wait for an object and keep it; return 1 unless the time was over before it was there."""
    source, one = store.source, fetch.wanted
    with fetch.closes:
        try:
            if not fetch.came.result():
                return 0
        except StoreError as error:
            if errand.over:
                return 0
            if not error.missing:
                failures.add(store.url(one.path), str(error))
            return 1
        note = Note(store.url(one.path), source.format, one.host or source.host, source.zone)
        fetch.draft.finish(one.changed.timestamp() if one.changed else None)
        fetch.draft.keep([note], errand.now, seen=[one.origin])
        failures.in_a_row = 0
    return 1


def _download(store: Store, errand: Errand, one: Object, draft: Draft) -> bool:
    """Fetch an object in pieces; return whether all of it came and it is still what was listed.

    Raises:
        StoreError: a piece did not come, each time it was asked for, or it is another object by now.
        OSError: the spool's disk is full.
    """
    for start in range(0, one.size, _PIECE):
        if errand.over:
            return False
        end = min(start + _PIECE, one.size)
        draft.write(store.read(errand, one.path, start, end))
    now = store.ask(errand, "info", one.path)
    store.files.invalidate_cache()
    if now.get("size") != one.size or not _same(version(now), one.version):
        raise StoreError("it changed while it was fetched; the next pull brings it")
    return True


def _same(one: str, other: str) -> bool:
    """Say whether two versions may be one; times are told more or less closely by a listing than by itself."""
    kinds = {one.partition(":")[0], other.partition(":")[0]}
    return one == other or len(kinds) > 1 or kinds == {"time"}
