"""Asks lastseen: the logs of a case go into a lake, and every host is diagnosed. All that the lab knows of its API."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lab.world import NOW
from lastseen import diagnose, formats, lock
from lastseen.diagnosis import Diagnosis
from lastseen.ingest import Ingest
from lastseen.logfile import LogFile, Result
from lastseen.workspace import Workspace

JUDGED = datetime.fromtimestamp(NOW, UTC)
_CONFIG = """\
[policy]
heartbeat = { period = "60 seconds", grace = "5 minutes" }
"""


@dataclass(frozen=True)
class Answer:
    """What lastseen says of a host."""

    state: str
    causes: tuple[tuple[str, float], ...]
    """Causes and their scores, the likeliest first."""
    ruled_out: frozenset[str]
    unknown: frozenset[str]


def added(folder: Path) -> tuple[Workspace, list[Result]]:
    """Make a project of a case's folder, and add its logs; return what became of each file.

    Each log's format is named, as a source of a project names it, so that none has to be looked for.
    """
    (folder / "lastseen.toml").write_text(_CONFIG, encoding="utf-8")
    space = Workspace.open(folder)
    forms = formats.load(space.project)
    results: list[Result] = []
    with lock.writing(space.project.lock, "add"), formats.prepare(space.project) as con:
        for name, files in _by_format(folder).items():
            results += Ingest(con, forms[name], space.lake, JUDGED).add(files, None, lambda _: None)
    return space, results


def _by_format(folder: Path) -> dict[str, list[LogFile]]:
    """Return a case's logs; a log is named after its format, and a host's own lies in the host's folder."""
    found: dict[str, list[LogFile]] = defaultdict(list)
    for path in sorted(folder.glob("*.*")) + sorted(folder.glob("hosts/*/*")):
        if path.suffix in {".log", ".ndjson"}:
            host = path.parent.name if path.parent != folder else None
            name = str(path.relative_to(folder))
            found[path.name.partition(".")[0]].append(LogFile(path, name, host))
    return found


def asked(space: Workspace) -> dict[str, Answer]:
    """Return what lastseen says of every host that it knows."""
    return {host: _answer(found) for host, found in diagnose.everyone(space, JUDGED).items()}


def _answer(found: Diagnosis) -> Answer:
    return Answer(
        found.state,
        tuple((one.cause, one.score) for one in found.causes),
        frozenset(one.cause for one in found.ruled_out),
        frozenset(one.cause for one in found.unknown),
    )
