"""What `soak.py` pulls from on this machine: logs that rotate, and a command.

A side writes numbered lines, each once, and knows them all. It can be broken off, so that a pull of it fails, and
mended. Its name stands in each of its lines, so what the lake has of it can be told from all else.
"""

import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from kill import Log

BOOT = "18285D3D-D16F-4514-AB32-A7B6F49E6649"
SLACK_S = 30.0
"""Seconds by which a pull may be late on a machine that does other work too."""
BROKEN = 0.01
"""Which part of the lines is broken: these must become rejects."""
LATEST_S = 20.0
"""Seconds by which an event may be late in the log that the command prints."""


class Side:
    """One source as its other side sees it. ``lock`` is held while something is written or changed."""

    format: str
    """Its lines' format and table; other tables that it fills are named in ``more``."""
    every_s = 20
    timeout_s = 5
    retries = 1

    def __init__(self, name: str, root: Path, seed: int) -> None:
        self.name = name
        self.root = root
        self.chance = Random(f"{seed} {name}")
        self.lock = threading.Lock()
        self.lines: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()
        self.down = False
        self.since = time.monotonic()
        """When it went down, or was mended."""
        self._count = 0

    def config(self) -> str:
        """Return what lastseen.toml says of it, but for what all have."""
        raise NotImplementedError

    def write(self) -> None:
        """Write a little."""
        raise NotImplementedError

    def break_off(self) -> None:
        """Let every pull fail from now on."""
        raise NotImplementedError

    def mend(self) -> None:
        """Let pulls succeed again."""
        raise NotImplementedError

    def trouble(self) -> None:
        """Begin or end something that does not make a pull fail."""

    def end(self) -> None:
        """Finish what was begun; nothing is written after it."""

    def close(self) -> None:
        """Stop what serves it."""

    def wanted(self) -> dict[str, Counter[str]]:
        """Return the messages that must be there once, by table."""
        return {self.format: self.lines}

    def number(self) -> int:
        """Return the next line's number."""
        self._count += 1
        return self._count

    def is_broken(self) -> bool:
        """Say whether the next line is to be broken."""
        return self.chance.random() < BROKEN

    def unified(self, when: datetime) -> str:
        """Return an event of the unified log as NDJSON, with its line's end, and note it."""
        number = self.number()
        broken = self.is_broken()
        event = {
            "timestamp": "never" if broken else stamped(when),
            "eventType": "logEvent",
            "messageType": "Default",
            "eventMessage": f"{self.name} {number} end",
            "processImagePath": "/usr/libexec/soak",
            "processID": 77,
            "threadID": sum(self.name.encode()),
            "bootUUID": BOOT,
            "machTimestamp": number,
        }
        line = json.dumps(event, separators=(",", ":"))
        (self.broken if broken else self.lines)[line if broken else event["eventMessage"]] += 1  # type: ignore[index]
        return line + "\n"


@dataclass
class Outage:
    """A time in which every pull of a source had to fail; wall clock, seconds since 1970."""

    side: Side
    began: float
    ended: float = 0.0


def writing(sides: Sequence[Side], over: threading.Event) -> Iterator[threading.Thread]:
    """Start what writes to each source, and yield the threads."""

    def write(side: Side) -> None:
        chance = Random(side.name)
        while not over.is_set():
            with side.lock:
                if not side.down:
                    side.write()
            over.wait(0.6 * chance.random())

    for side in sides:
        thread = threading.Thread(target=write, args=(side,), name=side.name)
        thread.start()
        yield thread


def stamped(when: datetime) -> str:
    """Write a time as `log show` does."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+0000")


class FleetLog(Log):
    """Fleet's own log, as JSON."""

    def _line(self) -> str:
        number = len(self.lines) + len(self.broken)
        message = f"{self.path.stem} {number} end"
        broken = self.chance.random() < BROKEN
        ts = "never" if broken else datetime.now(UTC).isoformat().replace("+00:00", "Z")
        entry = {"component": "http", "level": "info", "msg": message, "ts": ts}
        line = json.dumps(entry, separators=(",", ":"))
        (self.broken if broken else self.lines).append(line if broken else message)
        return line + "\n"


class Files(Side):
    """Two logs that grow and are rotated about every 20 seconds."""

    format = "fleet_server"
    ROTATION_S = 20.0

    def __init__(self, root: Path, seed: int) -> None:
        super().__init__("files", root, seed)
        self.folder = root / "var"
        self.folder.mkdir()
        names = ("fleet-files-one.log", "dated-fleet-files-two.log")
        self.logs = [FleetLog(self.folder / name, Random(f"{seed} {name}")) for name in names]
        self._rotate = [time.monotonic() + self.ROTATION_S * (1 + part) for part in (0.0, 0.5)]

    def config(self) -> str:
        return 'kind = "files"\npaths = ["var/fleet-*.log", "var/dated-*.log"]\n'

    def write(self) -> None:
        place = self.chance.randrange(len(self.logs))
        self.logs[place].grow()
        if time.monotonic() > self._rotate[place]:
            self._rotate[place] = time.monotonic() + self.ROTATION_S
            self.logs[place].rotate()

    def break_off(self) -> None:
        self.folder.rename(self.root / "var.away")

    def mend(self) -> None:
        (self.root / "var.away").rename(self.folder)

    def end(self) -> None:
        for log in self.logs:
            log.file.write(log.half.encode())
            log.file.close()
        self.lines = Counter(line for log in self.logs for line in log.lines)
        self.broken = Counter(line for log in self.logs for line in log.broken)


PRINTER = r'''"""Prints the events of a span of time; `log show` dates an event anew each time, and so does this."""

import random
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

since, until = (datetime.fromisoformat(word).timestamp() for word in sys.argv[1:])
mood = Path("MOOD").read_text()
if mood == "slow":
    time.sleep(1)
print("Filtering the log data using \"anything\"")
for line in Path("EVENTS").read_text().splitlines():
    when, _, event = line.partition("\t")
    if since <= float(when) < until:
        at = datetime.fromtimestamp(float(when)) + timedelta(milliseconds=random.randint(-3, 3))
        print(event.replace("TIMESTAMP", at.astimezone().strftime("%Y-%m-%d %H:%M:%S.%f%z")))
if mood == "down":
    sys.exit("the log store is not there")
'''


class Command(Side):
    """A program that prints the events of a window, some of which came late."""

    format = "unified_log"

    def __init__(self, root: Path, seed: int) -> None:
        super().__init__("command", root, seed)
        self.events = root / "events"
        self.events.touch()
        self.mood = root / "mood"
        self.mood.write_text("well")
        program = PRINTER.replace("MOOD", str(self.mood)).replace("EVENTS", str(self.events))
        (root / "printer.py").write_text(program)

    def config(self) -> str:
        words = [sys.executable, str(self.root / "printer.py"), "{since}", "{until}"]
        return f'kind = "command"\ncommand = {json.dumps(words)}\noverlap = "1 minute"\nhost = "mac-command"\n'

    def write(self) -> None:
        with self.events.open("a") as file:
            for _ in range(self.chance.randint(1, 10)):
                late = timedelta(seconds=LATEST_S * self.chance.random() ** 4)
                when = datetime.now(UTC) - late
                line = self.unified(when).replace(stamped(when), "TIMESTAMP")
                file.write(f"{when.timestamp()}\t{line}")

    def break_off(self) -> None:
        self.mood.write_text("down")

    def mend(self) -> None:
        self.mood.write_text("well")

    def trouble(self) -> None:
        if not self.down:
            self.mood.write_text(self.chance.choice(("well", "slow")))
