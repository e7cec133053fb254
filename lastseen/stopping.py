"""SIGTERM as a wish: what was begun is made whole, and nothing new is begun."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event


@contextmanager
def gently() -> Iterator[Callable[[], bool]]:
    """Yield what says whether SIGTERM came; for the main thread."""
    wanted = Event()
    before = signal.signal(signal.SIGTERM, lambda *_: wanted.set())
    try:
        yield wanted.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
