"""One case from its logs to its score; a module of its own, so that other processes find it."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from lab import answers, case, score
from lab.case import Case
from lab.score import Score


@dataclass(frozen=True)
class Done:
    """A case, what came of it, and how long it took."""

    case: Case
    score: Score
    rejects: int
    seconds: float


def written(one: Case, root: Path) -> tuple[Path, dict[str, object]]:
    """Write a case into its own folder below a root; return the folder and the truth."""
    folder = root / one.name
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    return folder, case.write(one, folder)


def tried(one: Case, root: Path, kept: Path | None) -> Done:
    """Write a case, ask lastseen about it, score the answers; what is not kept is removed."""
    began = time.perf_counter()
    folder, truth = written(one, root)
    space, results = answers.added(folder)
    found = score.of_case(truth, answers.asked(space))
    rejects = sum(result.rejects for result in results) + sum(bool(r.problem) for r in results)
    if kept is None:
        shutil.rmtree(folder)
    return Done(one, found, rejects, time.perf_counter() - began)
