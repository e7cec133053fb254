"""Runs an iterator a few steps ahead in a thread of its own."""

from collections.abc import Generator, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
_END = object()
_PATIENCE = 0.1
"""Seconds between looks at whether anyone still listens."""


def ahead(items: Iterator[T], depth: int) -> Generator[T, None, None]:
    """Yield what an iterator yields, while it already works on the next ones.

    Args:
        items: Works outside Python's lock (DuckDB, Arrow), or nothing is won.
        depth: How many items may wait.

    Raises:
        BaseException: whatever the iterator raised, in its place.
    """
    queue: Queue[object] = Queue(depth)
    stopped = Event()

    def put(item: object) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=_PATIENCE)
            except Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put(item)
            put(_END)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that listens
            put(error)

    worker = Thread(target=work, name="ahead", daemon=True)
    worker.start()
    try:
        while (item := _next(queue)) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        worker.join()


def _next(queue: Queue[object]) -> object:
    """Wait for an item; in short steps, so that Ctrl-C is heard."""
    while True:
        try:
            return queue.get(timeout=_PATIENCE)
        except Empty:
            continue
