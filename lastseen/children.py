"""Runs lastseen in processes of their own: what crashes, leaks or hangs there touches nothing here."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, RLock
from typing import IO

from lastseen.errors import Exit
from lastseen.period import spell
from lastseen.project import VARIABLE

_PATIENCE = timedelta(minutes=1)
"""How long a process that is over its deadline has to end by itself."""
_TAIL = 1 << 16
"""Bytes at the end of what a process said among which its error is looked for."""
_LONGEST = 500
"""Characters of it that are told."""
_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What systemd tells this process alone."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    """Its exit code; below zero, the signal that killed it."""
    seconds: float
    out: bytes
    """What it wrote to standard output."""
    said: str
    """Its error, else the last line it wrote to standard error."""
    late: timedelta | None = None
    """Its deadline, where it was stopped for that."""
    stopped: bool = False
    """It was stopped because everything is to stop, or never began for that."""

    @property
    def locked(self) -> bool:
        """Another process held what it needs."""
        return self.code == Exit.LOCKED

    @property
    def problem(self) -> str | None:
        """Why it failed; None where it did not."""
        if self.late is not None:
            return f"took longer than {spell(self.late)} and was stopped"
        if self.code < 0:
            return f"was killed by {signal.Signals(-self.code).name}"
        return (self.said or f"ended with exit code {self.code}") if self.code else None


class Children:
    """The processes that run now. Threads may share it."""

    def __init__(
        self, root: Path, patience: timedelta = _PATIENCE, config: Path | None = None
    ) -> None:
        """Begin with none.

        Args:
            root: The project's folder.
            config: What they read in place of its lastseen.toml, once it is there.
            patience: How long one that is over its deadline has to end by itself.
        """
        self._root = root
        self._config = config
        self._patience = patience.total_seconds()
        # Of the kind that its holder may take again: a signal may come while a process is begun.
        self._lock = RLock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = Event()

    @property
    def stopping(self) -> bool:
        """Nothing new is begun."""
        return self._over.is_set()

    def pause(self, seconds: float) -> None:
        """Wait, but not once all is to stop."""
        self._over.wait(seconds)

    def run(self, words: Sequence[str], deadline: timedelta) -> Ended:
        """Run a command of lastseen to its end.

        Args:
            words: The command and its arguments.
            deadline: After this long it gets SIGTERM, and later SIGKILL.
        """
        began = time.monotonic()
        with TemporaryFile() as out, TemporaryFile() as talk:
            process = self._start(words, out, talk)
            if process is None:
                return Ended(0, 0.0, b"", "", stopped=True)
            try:
                late = self._wait(process, deadline.total_seconds())
            finally:
                with self._lock:
                    self._running.discard(process)
            out.seek(0)
            return Ended(
                process.returncode, time.monotonic() - began, out.read(), _reason(talk),
                deadline if late else None, self.stopping and process.returncode != 0,
            )  # fmt: skip

    def stop(self) -> None:
        """Begin nothing new, and ask what runs to end as soon as what it began is whole."""
        with self._lock:
            self._over.set()
            for process in self._running:
                process.terminate()

    def kill(self) -> None:
        """End what runs at once."""
        with self._lock:
            for process in self._running:
                _kill(process)

    def _start(
        self, words: Sequence[str], out: IO[bytes], talk: IO[bytes]
    ) -> subprocess.Popen[bytes] | None:
        # -P: a folder of the project that is called like a module must not stand in for it.
        command = [sys.executable, "-P", "-m", "lastseen", "-C", str(self._root), *words]
        environment = {key: value for key, value in os.environ.items() if key not in _OURS}
        if self._config and self._config.is_file():
            environment[VARIABLE] = str(self._config)
        with self._lock:
            if self.stopping:
                return None
            # A session of its own: Ctrl-C reaches this process alone, which then asks the others to end.
            process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=talk, cwd=self._root,
                env=environment, start_new_session=True,
            )  # fmt: skip
            self._running.add(process)
            if self.stopping:
                process.terminate()
            return process

    def _wait(self, process: subprocess.Popen[bytes], seconds: float) -> bool:
        """Wait for a process; say whether it had to be stopped for its deadline."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.terminate()
            try:
                process.wait(self._patience)
            except subprocess.TimeoutExpired:
                _kill(process)
                process.wait()
            return True
        return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that runs, with those that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def _reason(talk: IO[bytes]) -> str:
    """Return what a process said last: its error, else its last line."""
    size = talk.seek(0, os.SEEK_END)
    talk.seek(max(0, size - _TAIL))
    lines = [line for line in talk.read().decode(errors="replace").split("\n") if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("error: ")]
    said = " ".join(" ".join(lines[errors[-1] if errors else -1 :]).split())
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
