"""What is remembered of each host: when its details were last asked for, and whether it was in trouble then."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from lastseen.pull.spool import Spool

_PREFIX = "hosts:"
_TOGETHER = 1_000
"""Hosts whose ids lie so near are remembered under one key: a unit writes few of them anew."""


@dataclass(frozen=True)
class Known:
    """One host."""

    asked: float = 0.0
    """When its details were last asked for, in seconds since 1970; 0 for never."""
    trouble: bool = False
    """Whether it waited for something then."""
    failed: bool = False
    """Whether there was no answer then; what is known is from before."""


class Roster:
    """The hosts that are remembered, by id."""

    def __init__(self, spool: Spool) -> None:
        """Recall them."""
        self.hosts: dict[int, Known] = {}
        self._changed: set[int] = set()
        for text in spool.recall_all(_PREFIX).values():
            for host, (asked, trouble, failed) in json.loads(text).items():
                self.hosts[int(host)] = Known(asked, bool(trouble), bool(failed))

    def known(self, host: int) -> Known:
        """Return what is remembered of a host."""
        return self.hosts.get(host, Known())

    def note(self, host: int, known: Known) -> None:
        """Remember something of a host."""
        self.hosts[host] = known
        self._changed.add(host // _TOGETHER)

    def forget(self, host: int) -> None:
        """Forget a host that is no more."""
        if self.hosts.pop(host, None):
            self._changed.add(host // _TOGETHER)

    def changes(self) -> Mapping[str, str]:
        """Return what has to be written down, once."""
        changed: dict[int, dict[int, tuple[float, int, int]]] = {part: {} for part in self._changed}
        for host, known in self.hosts.items():
            if host // _TOGETHER in changed:
                told = round(known.asked, 3), int(known.trouble), int(known.failed)
                changed[host // _TOGETHER][host] = told
        self._changed.clear()
        return {
            f"{_PREFIX}{part}": json.dumps(hosts, separators=(",", ":"))
            for part, hosts in changed.items()
        }
