"""`lastseen schedule` as `soak.py` runs it: started, asked to read its settings again, stopped and killed."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STRANGE = re.compile(r"(?m)^.*(?:Traceback|\b\w+(?:Error|Exception)\b|exit code|lastseen\.toml).*$")
"""What lastseen should never say where its settings are right."""
_LEAVE_S = 120.0
"""Seconds that it has to end after SIGTERM."""


@dataclass
class Life:
    """What one process of it took, as far as that was looked at."""

    began: float
    memory_mb: list[float]
    files: list[int]


class Scheduler:
    """The process, and those that it started."""

    def __init__(self, root: Path, environment: Mapping[str, str]) -> None:
        self.root = root
        self.log = root / "schedule.log"
        self.environment = environment
        self.done: Counter[str] = Counter()
        """How often each thing was done to it."""
        self.lives: list[Life] = []
        self.problems: list[str] = []
        self.slowest_end = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def command(self, *words: str) -> list[str]:
        """Return a command of lastseen in the project."""
        return [sys.executable, "-m", "lastseen", "-C", str(self.root), *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of lastseen to its end."""
        return subprocess.run(
            self.command(*words), capture_output=True, text=True, env=self.environment,
            timeout=300, check=False,
        )  # fmt: skip

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command("schedule"), stdin=subprocess.DEVNULL, stderr=log,
                env=self.environment, start_new_session=True,
            )  # fmt: skip
        self.lives.append(Life(time.monotonic(), [], []))
        self.done["started"] += 1

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process that was started last."""
        if self._process is None:
            raise RuntimeError("it was not started")
        return self._process

    def look(self) -> None:
        """Note what memory and how many open files it has; start it again if it ended by itself."""
        if self.process.poll() is not None:
            self.problems.append(f"the scheduler ended by itself with {self.process.returncode}")
            self.start()
            return
        proc = Path(f"/proc/{self.process.pid}")
        status = dict(
            line.split(":", 1) for line in (proc / "status").read_text().splitlines() if ":" in line
        )
        self.lives[-1].memory_mb.append(int(status["VmRSS"].split()[0]) / 1024)
        self.lives[-1].files.append(len(list((proc / "fd").iterdir())))

    def read_again(self, *, good: bool) -> None:
        """Send SIGHUP."""
        self.process.send_signal(signal.SIGHUP)
        self.done["SIGHUP" if good else "SIGHUP, settings wrong"] += 1

    def stop(self) -> None:
        """Stop it as systemd would; it must end well."""
        self.done["SIGTERM"] += 1
        began = time.monotonic()
        self.process.terminate()
        try:
            code = self.process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self.problems.append(f"the scheduler did not end within {_LEAVE_S:g} s of SIGTERM")
            self.kill(others=True)
            return
        self.slowest_end = max(self.slowest_end, time.monotonic() - began)
        if code:
            self.problems.append(f"the scheduler ended with {code} after SIGTERM")

    def kill(self, *, others: bool) -> None:
        """Kill it; with ``others`` also what it started, as systemd would, else that goes on alone."""
        self.done["SIGKILL of all" if others else "SIGKILL of it alone"] += 1
        children = self.children() if others else {}
        self.process.kill()
        self.process.wait()
        for child in children:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)

    def close(self) -> None:
        """Leave nothing running, whatever happened."""
        if self._process is not None and self._process.poll() is None:
            self.kill(others=True)

    def kill_child(self, chance: float) -> str | None:
        """Kill one of the processes that it started, alone; return what that was doing."""
        children = self.children()
        if not children:
            return None
        child = sorted(children)[int(chance * len(children))]
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        self.done["SIGKILL of a child"] += 1
        return children[child]

    def children(self) -> dict[int, str]:
        """Return the processes that it runs now, each with its command."""
        found = {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError, IndexError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == self.process.pid and fields[0] != "Z":
                    words = (entry / "cmdline").read_text().split("\0")
                    found[int(entry.name)] = " ".join(words[words.index("-C") + 2 :]).strip()
        return found
