"""How the other hosts fare: who has the same evidence though it is well, and who got through meanwhile."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from lastseen.causes import HEARTBEAT
from lastseen.rules import Finding
from lastseen.scoring import LEAD, SETTLE, Factor, Trouble, common, unlike
from lastseen.views import Views

HEALTHY = ("ok", "waiting")
"""States of hosts that others are compared with."""

Row = dict[str, Any]


class Peers:
    """All hosts, to compare one of them with."""

    def __init__(self, views: Views, states: Sequence[Row], found: Sequence[Finding]) -> None:
        """Sort out who is well, and who has findings all the same.

        Args:
            views: For the moments at which profiles went on.
            states: The rows of ``host_states``.
            found: The findings of all rules that explain something.
        """
        self._states = states
        self._healthy = {row["host"] for row in states if row["state"] in HEALTHY}
        self._though_healthy: dict[str, list[Finding]] = defaultdict(list)
        for finding in found:
            if finding.host in self._healthy:
                self._though_healthy[finding.rule].append(finding)
        self._moves = views.rows(
            "select host, before, since from profile_states "
            "where before in ('pending', 'verifying') and status in ('verifying', 'verified')"
        )
        self._known: dict[object, tuple[set[str], set[str]]] = {}

    def contrast(self, finding: Finding, row: Row, trouble: Trouble) -> Factor:
        """Weigh a finding by what holds for the others.

        Args:
            finding: What may explain the trouble.
            row: The host's row of ``host_states``.
            trouble: What is to be explained.
        """
        if finding.host is not None:
            having = {
                one.host
                for one in self._though_healthy[finding.rule]
                if one.until is None or one.until >= trouble.not_before - LEAD
            }
            return unlike(len(having - {row["host"]}), len(self._healthy - {row["host"]}))
        # The same for all hosts of a state, of which there may be thousands.
        key = (id(finding), trouble.state, row.get("stale"))
        if key not in self._known:
            self._known[key] = self._split(finding, row, trouble)
        stuck, through = self._known[key]
        return common(len(stuck | {row["host"]}), len(through - {row["host"]}))

    def _split(self, finding: Finding, row: Row, trouble: Trouble) -> tuple[set[str], set[str]]:
        """Return who is in the same trouble, and who got through what it stands for, since a finding began."""
        since = finding.since or trouble.since
        same = {one["host"] for one in self._states if one["state"] == trouble.state}
        if row.get("stale"):
            same = {one["host"] for one in self._states if one["stale"]}
            through = {
                one["host"]
                for one in self._states
                if one["details_at"] and one["details_at"] > since + SETTLE
            }
        elif trouble.state == "unknown":
            through = self._healthy
        elif trouble.state in HEARTBEAT:
            through = {one["host"] for one in self._states if one["heartbeat"] == "up"}
        else:
            same = {
                one["host"]
                for one in self._states
                if one["host"] in same and one["since"] and one["since"] >= since - SETTLE
            }
            through = {
                move["host"]
                for move in self._moves
                if move["before"] == trouble.state
                and since + SETTLE < move["since"] <= finding.until
            }
        return same, through - same
