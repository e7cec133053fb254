"""What `soak.py` does to a project while it runs: outages, kills, wrong settings, commands by hand, and questions."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from soak_hosts import Ssh
from soak_scheduler import STRANGE, Scheduler
from soak_sides import SLACK_S, Outage, Side

LOOK_S = 15.0
"""Seconds between two questions for the status."""
BROKEN = ("[sources.files\n", '[sources.files]\nkind = "fiels"\n', '[scheduel]\nat_once = "2"\n')
"""Settings that are wrong."""


@dataclass
class Soak:
    """One run."""

    root: Path
    sides: list[Side]
    scheduler: Scheduler
    chance: Random
    problems: list[str] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)
    asked: int = 0
    disturbed: dict[str, float] = field(default_factory=dict)
    """By source, when something last came in between its pulls."""
    coming: list[str] = field(default_factory=list)
    """What is done next to the scheduler."""

    def configure(self, wrong: str = "") -> None:
        """Write lastseen.toml."""
        text = (
            f'[schedule]\nat_once = {self.chance.randint(2, 4)}\ntidy = "2 minutes"\n'
            '[reports.nightly]\nevery = "3 minutes"\n'
        )
        for side in self.sides:
            every = side.every_s - self.chance.randint(0, 5)
            text += (
                f'[sources.{side.name}]\n{side.config()}every = "{every} seconds"\n'
                f'timeout = "{side.timeout_s} seconds"\nretries = {side.retries}\n'
            )
        aside = self.root / "lastseen.new"
        aside.write_text(wrong or text)
        aside.rename(self.root / "lastseen.toml")

    def disturb(self, *names: str) -> None:
        """Note that pulls of some sources, else of all, are not to be judged for a while."""
        now = time.monotonic()
        self.disturbed |= dict.fromkeys(names or [side.name for side in self.sides], now)

    def break_off(self, side: Side) -> None:
        """Begin an outage."""
        with side.lock:
            side.break_off()
            side.down, side.since = True, time.monotonic()
        self.outages.append(Outage(side, time.time()))

    def mend(self, outage: Outage) -> None:
        """End an outage."""
        with outage.side.lock:
            outage.side.mend()
            outage.side.down, outage.side.since = False, time.monotonic()
        outage.ended = time.time()

    def torment(self, deadline: float) -> None:
        """Do something to the scheduler or the sources about each second, until the time is over."""
        coming = {
            "look": 10.0,
            "outage": 5.0,
            "child": 12.0,
            "hup": 25.0,
            "all": 50.0,
            "admin": 20.0,
        }
        began = time.monotonic()
        while time.monotonic() < deadline:
            now = time.monotonic() - began
            for name in [name for name, when in coming.items() if when <= now]:
                coming[name] = now + getattr(self, f"_{name}")()
            for outage in self.outages:
                over = time.time() - outage.began > 2 * outage.side.every_s + 1.5 * SLACK_S
                if not outage.ended and over:
                    self.mend(outage)
            for side in self.sides:
                if self.chance.random() < 0.05:  # noqa: PLR2004 - each some 20 seconds
                    with side.lock:
                        side.trouble()
            time.sleep(1)

    def _look(self) -> float:
        """Ask how things stand, and compare."""
        self.scheduler.look()
        before = {side.name: (side.down, side.since) for side in self.sides}
        asked = time.monotonic()
        ran = self.scheduler.run("status", "--json")
        self.asked += 1
        if ran.returncode not in (0, 3) or STRANGE.search(ran.stderr):
            self.problems.append(f"status ended with {ran.returncode}: {ran.stderr}")
            return LOOK_S
        told = {one["name"]: one for one in json.loads(ran.stdout)["sources"]}
        for side in self.sides:
            down, since = before[side.name]
            since = max(since, self.disturbed.get(side.name, 0.0))
            self._judge(side, told[side.name], asked - since, down=down)
            if isinstance(side, Ssh):
                wrong = side.wrong(told[side.name]["absent"] or [], since)
                self.problems += [wrong] if wrong else []
        return LOOK_S

    def _judge(self, side: Side, one: dict[str, Any], seconds: float, *, down: bool) -> None:
        state, problem = one["state"], one["problem"]
        if down and seconds > side.every_s + SLACK_S and state == "on time":
            self.problems.append(
                f"{side.name} is down for {seconds:.0f} s, and status says {state}"
            )
        if not down and seconds > 2 * side.every_s + SLACK_S and state != "on time":
            self.problems.append(
                f"{side.name} is well for {seconds:.0f} s, and status says {state}: {problem}"
            )

    def _outage(self) -> float:
        well = [side for side in self.sides if not side.down]
        if len(well) > len(self.sides) - 2:  # two at a time
            # Those that had the fewest are first, so that each has its turn.
            had = Counter(outage.side.name for outage in self.outages)
            least = min(had[side.name] for side in well)
            self.break_off(self.chance.choice([one for one in well if had[one.name] == least]))
        return 30.0

    def _child(self) -> float:
        words = self.scheduler.kill_child(self.chance.random())
        if words and words.startswith("pull "):
            self.disturb(words.split()[1])
        return 5.0 + 20.0 * self.chance.random() if words else 1.0

    def _hup(self) -> float:
        self.configure()
        self.scheduler.read_again(good=True)
        return 30.0 + 20.0 * self.chance.random()

    def _all(self) -> float:
        """Something that disturbs every source."""
        if not self.coming:
            self.coming = ["wrong", "stop", "kill", "alone"]
            self.chance.shuffle(self.coming)
        what = self.coming.pop()
        if what == "wrong":
            self.configure(self.chance.choice(BROKEN))
            self.scheduler.read_again(good=False)
            time.sleep(LOOK_S)  # what was right before holds on
            self.configure()
            self.scheduler.read_again(good=True)
            return 30.0
        if what == "stop":
            self.scheduler.stop()
        else:
            self.scheduler.kill(others=what == "kill")
        self.scheduler.start()
        self.disturb()
        return 90.0 + 30.0 * self.chance.random()

    def _admin(self) -> float:
        """Do something by hand while the scheduler does its work."""
        words = self.chance.choice(
            (
                ("pull", self.chance.choice(self.sides).name),
                ("sql", "select count(*) from events"),
                ("check",),
                ("report", "nightly"),
                ("replay",),
                ("tidy",),
                ("run",),
            )
        )
        ran = self.scheduler.run(*words)
        self.scheduler.done["commands by hand"] += 1
        meant = (0, 3, 75) if words[0] in ("pull", "run") else (0, 75)
        if ran.returncode not in meant or STRANGE.search(ran.stderr):
            self.problems.append(f"{' '.join(words)} ended with {ran.returncode}: {ran.stderr}")
        return 20.0 + 20.0 * self.chance.random()
