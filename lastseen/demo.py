"""The whole job on the sample logs, in a project made for it."""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lastseen import intake, lock, project, reports, template
from lastseen.errors import UserError
from lastseen.hostpath import HOST
from lastseen.intake import Request, Told
from lastseen.logfile import Result
from lastseen.workspace import Workspace

NOW = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
"""The moment at which the samples end, and their story is judged."""


@dataclass(frozen=True)
class Done:
    """What the demo did."""

    workspace: Workspace
    results: list[Result]
    report: reports.Rendered


def run(folder: Path | None, told: Told) -> Done:
    """Ingest the samples, run every rule, render the report.

    Args:
        folder: Where to make the project; None makes one among the temporary files.
        told: Told of progress.

    Raises:
        UserError: the folder holds something already.
    """
    root = folder or Path(tempfile.mkdtemp(prefix="lastseen-demo-"))
    if root.is_dir() and any(root.iterdir()):
        raise UserError(f"{root}: is not empty; name a folder that is, or none")
    root.mkdir(parents=True, exist_ok=True)
    (root / project.CONFIG).write_text(template.TEMPLATE, encoding="utf-8")
    space = Workspace.open(root)
    with lock.writing(space.project.lock, "demo"):
        results = intake.add(
            space.project, space.lake, Request(samples(), below=project.shipped()), NOW, told
        )
    rendered = reports.render(space, "nightly", NOW)
    return Done(space, results, rendered)


def samples() -> list[str]:
    """Return the paths of the sample logs; in a folder of a format, a file's name is its host's."""
    base = project.shipped() / "sample_logs"
    files = [
        str(path) for path in sorted(base.iterdir()) if path.is_file() and path.suffix != ".md"
    ]
    folders = [str(path / f"{HOST}.*") for path in sorted(base.iterdir()) if path.is_dir()]
    return [path for path in files + folders if not Path(path).name.startswith(".")]
