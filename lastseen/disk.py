"""What a project takes on its disk, and how long there will be room."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

_WEEK = 7


@dataclass(frozen=True)
class Disk:
    """Sizes in bytes, measured now; None is unknown."""

    lake_bytes: int
    """All of the lake's files, those included that `tidy` has yet to delete."""
    spool_bytes: int
    free_bytes: int
    growth_bytes_a_day: int | None
    """What a day of the last week takes in the lake; None where the lake is younger than that."""
    days_left: int | None
    """How many more such days there is room for; None where that is unknown, or nothing grows."""
    keep_fits: bool | None
    """Whether there is room for all that `keep` keeps; None where that is unknown, or all is kept."""


def measure(
    root: Path,
    lake: Path,
    spool: Path,
    days: Mapping[date, int],
    today: date,
    keep: timedelta | None,
) -> Disk:
    """Measure a project.

    Args:
        root: The project, whose disk is meant.
        lake: The lake's folder.
        spool: The spool's folder.
        days: Bytes of the lake's tables by day.
        today: The day that is not over, UTC.
        keep: How long rows are kept; None is for ever.
    """
    free = shutil.disk_usage(root).free
    growth = _growth(days, today)
    fits = None
    if keep is not None and growth is not None:
        still_growing = keep.days - (today - min(days)).days
        fits = still_growing * growth <= free
    return Disk(
        lake_bytes=_size(lake),
        spool_bytes=_size(spool),
        free_bytes=free,
        growth_bytes_a_day=growth,
        days_left=free // growth if growth and not fits else None,
        keep_fits=fits,
    )


def _growth(days: Mapping[date, int], today: date) -> int | None:
    """Return the mean of the seven days before today; of a lake that is younger nobody can tell."""
    week = [today - timedelta(days=number) for number in range(1, _WEEK + 1)]
    if not days or min(days) > week[-1]:
        return None
    return sum(days.get(day, 0) for day in week) // _WEEK


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder; what others delete meanwhile is left out."""
    size = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(os.path.join(path, name)).st_size  # noqa: PTH118 - many files
            except FileNotFoundError:
                continue
    return size
