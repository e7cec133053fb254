"""One writer at a time in a project."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from lastseen.errors import Exit, UserError

_STEP = 0.05
"""Seconds between two looks at a lock that another holds."""


@contextmanager
def writing(lock: Path, what: str, wait: timedelta = timedelta()) -> Iterator[None]:
    """Hold a lock while something is written.

    Args:
        lock: The file that stands for it.
        what: What others are told.
        wait: How long to wait for another holder.

    Raises:
        UserError: another process holds it (exit code 75), or it cannot be made.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("a+", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{lock}: {(error.strerror or str(error)).lower()}; may this user write here?"
        ) from None
    with handle:
        until = time.monotonic() + wait.total_seconds()
        while not _locked(handle):
            if time.monotonic() < until:
                time.sleep(_STEP)
                continue
            handle.seek(0)
            raise UserError(f"{_holder(handle.read())}; wait for it, or stop it", Exit.LOCKED)
        handle.truncate(0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        handle.write(json.dumps({"pid": os.getpid(), "what": what, "since": started}))
        handle.flush()
        yield
        handle.truncate(0)


def _locked(handle: IO[str]) -> bool:
    """Take the lock; say whether it was free."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(text: str) -> str:
    try:
        held: dict[str, Any] = json.loads(text)
    except ValueError:
        return "another lastseen is writing to this project"
    return f"`lastseen {held.get('what')}` (process {held.get('pid')}) has been writing since {held.get('since')}"
