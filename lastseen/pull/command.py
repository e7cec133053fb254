"""What a command of this machine prints: all of a run that went well, nothing of one that failed."""

import os
import random
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from platform import node

from lastseen.errors import Exit, UserError
from lastseen.pull.source import Errand, Outcome, pauses
from lastseen.pull.spool import Spool
from lastseen.pull.window import (
    Window,
    kept,
    last_cursor,
    next_window,
    note,
    wants_cursor,
    words,
)
from lastseen.sources import Command
from lastseen.terminal import harmless

PIECE = 1 << 18
"""Bytes of output held at a time."""
TICK = 0.1
"""Seconds after which a silent command is looked at: has it ended, is its time up, is it to stop."""
GRACE = 2.0
"""Seconds that a command has to end when it is told to."""
_TOLD = 4096
"""Bytes of what it says on standard error that are looked at."""
_SHOWN = 300


class _FailedError(Exception):
    """One run failed; another may go well."""


class _UnrunnableError(Exception):
    """The program could not even be begun."""


class _StoppedError(Exception):
    """The errand is to end at once."""


def pull(source: Command, spool: Spool, errand: Errand) -> Outcome:
    """Run a source's command, and keep what it printed with where its window ended.

    A program without ``{since}`` and ``{cursor}`` prints all it has each time; what the lake has of it is
    not added again. Any exit status but 0 is a failure, and nothing of that run is kept.

    Raises:
        UserError: the program is not there, its last run failed too, or the disk is full.
    """
    window = next_window(source, spool, errand)
    run = words(source, window)
    waits = pauses(source, random.Random())  # noqa: S311 - it spreads load, it keeps no secret
    try:
        while not errand.stopped():
            try:
                _keep(source, run, window, spool, errand)
                break
            except _FailedError as error:
                pause = next(waits, None)
                if pause is None or pause >= errand.left:
                    raise UserError(
                        f"sources.{source.name}: {error}; run it by hand to see why, "
                        "the next pull asks for the same time again",
                        Exit.PARTIAL,
                    ) from None
                _wait(pause, errand)
    except _StoppedError:
        return Outcome()
    except _UnrunnableError as error:
        raise UserError(
            f"sources.{source.name}: {harmless(run[0])} cannot be run: {error}; "
            "command names a program of this machine and then its arguments, each by itself"
        ) from None
    return Outcome()


def _keep(
    source: Command, run: Sequence[str], window: Window, spool: Spool, errand: Errand
) -> None:
    """Run the program once and keep what it prints; without any output, that its window is done.

    Raises:
        _FailedError: nothing was kept.
    """
    # What comes with lastseen prints this machine's log; whose log another command prints, its user knows.
    emitter = source.host or (node() or None if source.preset else None)
    with spool.draft() as draft:
        _run(run, draft.write, source.timeout.total_seconds(), errand)
        found = last_cursor(draft.file) if wants_cursor(source) else None
        done = replace(window, cursor=found or window.cursor)
        draft.keep([note(source, source.name, emitter)], errand.now, kept(done))


def _wait(pause: float, errand: Errand) -> None:
    """Wait some seconds.

    Raises:
        _StoppedError: the errand is to end.
    """
    until = time.monotonic() + pause
    while (left := until - time.monotonic()) > 0:
        if errand.stopped():
            raise _StoppedError
        time.sleep(min(TICK, left))


def _run(
    run: Sequence[str], write: Callable[[bytes], None], timeout: float, errand: Errand
) -> None:
    """Run a program to its end and write what it prints.

    Args:
        run: The program and its arguments.
        write: Takes the output, piece by piece.
        timeout: Seconds that it may take.
        errand: Ends it earlier, where there is no more time.

    Raises:
        _FailedError: it took too long, or ended with another exit status than 0.
        _UnrunnableError: it could not be begun.
        _StoppedError: the errand is to end.
    """
    program = harmless(run[0])
    end = time.monotonic() + min(timeout, errand.left)
    with _process(run) as process:
        said = b""
        for output, data in _pieces(process):
            if errand.stopped():
                raise _StoppedError
            if time.monotonic() >= end:
                limit = f"{timeout:g} seconds" if errand.left > 0 else "the deadline of its pull"
                raise _FailedError(f"{program} did not end within {limit}")
            if output is process.stdout:
                write(data)
            else:
                said = (said + data)[:_TOLD]
    if process.returncode:
        raise _FailedError(f"{program} {_how(process.returncode)}{_first_line(said)}")


@contextmanager
def _process(run: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a program that runs in a session of its own; at the end it and all it started are gone.

    Raises:
        _UnrunnableError: it could not be begun.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is the user's own, and no shell reads it
            run,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,  # no terminal either, on which it could ask for a password
        )
    except OSError as error:
        raise _UnrunnableError(error.strerror) from None
    except ValueError as error:  # a NUL in an argument
        raise _UnrunnableError(str(error)) from None
    with process:
        try:
            yield process
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program's whole group: ask it, then make it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    with suppress(ProcessLookupError, PermissionError):  # macOS forbids it where all are gone
        os.killpg(process.pid, signal.SIGKILL)


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[tuple[object, bytes]]:
    """Yield what comes on standard output or error until the program has ended, and nothing now and then."""
    with selectors.DefaultSelector() as selector:
        for output in (process.stdout, process.stderr):
            if output:
                selector.register(output, selectors.EVENT_READ)
        while True:
            # Looked at first: what it printed before its end is then read below. What it left running in the
            # background may hold its outputs open for ever and is not waited for.
            ended = process.poll() is not None
            ready = selector.select(0 if ended else TICK)
            for key, _ in ready:
                data = os.read(key.fd, PIECE)
                if data:
                    yield key.fileobj, data
                else:
                    selector.unregister(key.fileobj)
            if ended and not ready:
                return
            yield None, b""
            if not ended and not selector.get_map():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(TICK)


def _how(status: int) -> str:
    """Say how a program ended that did not end well."""
    if status > 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


def _first_line(said: bytes) -> str:
    """Return what a program says of its failure, as the end of a sentence; nothing where it is silent."""
    lines = said.decode(errors="replace").strip().splitlines()
    return f": {harmless(lines[0].strip())[:_SHOWN]}" if lines else ""
