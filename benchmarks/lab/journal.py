"""What was written to each log, which lines show a cause, and what of it was collected."""

import json
from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """One record of a log."""

    arrives: float
    """When it came to its file, by a true clock."""
    text: str
    host: str | None
    """The host it is about; None for all."""
    proof: str | None
    """The cause that it shows."""


@dataclass
class Losses:
    """What was not collected."""

    missing: set[str] = field(default_factory=set)
    """Logs that nobody collects."""
    holes: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Logs, and the spans whose lines are gone."""

    def lost(self, log: str, at: float) -> bool:
        """Say whether what came to a log at a moment was lost."""
        return log in self.missing or any(a <= at < b for a, b in self.holes.get(log, []))


class Journal:
    """All logs of a fleet, as they are written."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Line]] = defaultdict(list)

    def write(
        self, log: str, at: float, text: str, host: str | None = None, proof: str | None = None
    ) -> None:
        """Append a record to a log at the moment at which it comes there."""
        self._lines[log].append(Line(at, text, host, proof))

    def logs(self) -> list[str]:
        """Return the names of all logs that were written."""
        return sorted(self._lines)

    def proofs(self, losses: Losses) -> Iterator[tuple[str, str, str | None, float]]:
        """Yield cause, log, host and time of each line that shows a cause and was collected."""
        for log, lines in sorted(self._lines.items()):
            for line in lines:
                if line.proof and not losses.lost(log, line.arrives):
                    yield line.proof, log, line.host, line.arrives

    def save(self, folder: Path, losses: Losses) -> None:
        """Write what was collected; around a hole a log is two files, as rotation leaves them."""
        for log, lines in self._lines.items():
            if log in losses.missing:
                continue
            edges = sorted(a for a, _ in losses.holes.get(log, []))
            parts: dict[int, list[str]] = defaultdict(list)
            for line in sorted(lines, key=lambda line: line.arrives):
                if not losses.lost(log, line.arrives):
                    parts[bisect(edges, line.arrives)].append(line.text)
            for part, texts in parts.items():
                target = folder / _named(log, part if edges else None)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text("\n".join(texts) + "\n", encoding="utf-8")


def _named(log: str, part: int | None) -> str:
    ending = "ndjson" if log.rpartition("/")[2] in _JSON else "log"
    return f"{log}.{ending}" if part is None else f"{log}.{part}.{ending}"


_JSON = frozenset({
    "fleet_hosts", "fleet_profiles", "fleet_commands", "fleet_activities", "fleet_apns",
    "fleet_db_locks", "fleet_errors", "osquery_status", "osquery_results", "unified_log",
})  # fmt: skip


def save_json(target: Path, value: object) -> None:
    """Write JSON that people read too, the same bytes each time."""
    target.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")
