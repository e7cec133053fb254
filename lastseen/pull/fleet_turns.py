"""Whose turn it is: the order in which hosts' details are asked for."""

from collections import deque
from collections.abc import Iterator
from datetime import timedelta

from lastseen.pull.fleet_roster import Roster
from lastseen.pull.fleet_visit import Visit

_SHARE = 3
"""Suspects that are asked for each other host, so that many of them do not keep the others waiting for ever."""


class Turns:
    """Whose details this pull asks for, in which order: who was asked longest ago comes first."""

    def __init__(
        self, visit: Visit, roster: Roster, listed: set[int], suspects: set[int], *, whole: bool
    ) -> None:
        """Choose them.

        A host that is remembered and on no page is asked too: it was deleted, or slipped from one page to
        another while they were read.
        """
        now = visit.errand.now.timestamp()
        every = visit.source.details_every.total_seconds()
        gone = set(roster.hosts) - listed if whole else set()
        hosts = listed | set(roster.hosts)
        by_age = sorted(hosts, key=lambda host: (roster.known(host).asked, host))
        suspects = suspects | gone
        self.failed = [h for h in by_age if roster.known(h).failed]
        """Who gave no answer the last time; asked last, for a few of them end a pull."""
        taken = set(self.failed)
        self.suspects = [
            h for h in by_age if h not in taken and (h in suspects or roster.known(h).trouble)
        ]
        taken |= set(self.suspects)
        self.others = [
            h for h in by_age if h not in taken and not 0 <= now - roster.known(h).asked < every
        ]
        self.count = len(self.suspects) + len(self.others) + len(self.failed)
        self.later = 0
        """Hosts that were due and are left for the next pull."""
        self._visit = visit

    def hosts(self) -> Iterator[int]:
        """Yield hosts: some suspects, another, and so on; the others only until the next pull is due."""
        others = deque(self.others)
        for number, host in enumerate(self.suspects, 1):
            yield host
            if number % _SHARE == 0 and others:
                yield others.popleft()
        while others and not self._next_is_due():
            yield others.popleft()
        self.later = len(others)
        yield from self.failed

    def _next_is_due(self) -> bool:
        every = self._visit.source.every
        return isinstance(every, timedelta) and self._visit.api.elapsed > every.total_seconds()
