"""One writer at a time in a project."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lastseen.errors import Exit, UserError


@contextmanager
def writing(lock: Path, what: str) -> Iterator[None]:
    """Hold the project's lock while something is written.

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
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise UserError(
                f"{_holder(handle.read())}; wait for it, or stop it", Exit.LOCKED
            ) from None
        handle.truncate(0)
        started = datetime.now(UTC).isoformat(timespec="seconds")
        handle.write(json.dumps({"pid": os.getpid(), "what": what, "since": started}))
        handle.flush()
        yield
        handle.truncate(0)


def _holder(text: str) -> str:
    try:
        held: dict[str, Any] = json.loads(text)
    except ValueError:
        return "another lastseen is writing to this project"
    return f"`lastseen {held.get('what')}` (process {held.get('pid')}) has been writing since {held.get('since')}"
