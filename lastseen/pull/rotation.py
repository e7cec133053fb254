"""Names that a log gets when it is rotated, by logrotate, newsyslog, lumberjack and their like."""

import re
from pathlib import Path

PACKED = (".gz", ".bz2", ".xz", ".zst")
_PACKED = r"(?:\.(?:gz|bz2|xz|zst))?"
_DATE = r"\d{4}-?\d\d-?\d\d[\w.:+-]*"


def rotated_from(live: str) -> re.Pattern[str]:
    """Return what finds, among names of one folder, those that a log of a name may have been rotated to.

    >>> found = rotated_from("fleet.log")
    >>> names = "fleet.log.1 fleet.log.2.gz fleet.log-20260310 fleet-2026-03-10T06-00-00.log.gz fleet.1.log"
    >>> [name for name in names.split() if not found.fullmatch(name)]
    []
    >>> [name for name in ("fleet.log", "fleet-2.log", "fleet.logs", "myfleet.log.1") if found.fullmatch(name)]
    []
    """
    name = Path(live)
    whole, stem, suffix = (re.escape(part) for part in (live, name.stem, name.suffix))
    after = rf"{whole}(?:[.-](?:\d{{1,4}}|{_DATE}|old|bak)){_PACKED}|{whole}\.(?:gz|bz2|xz|zst)"
    before = rf"{stem}(?:\.\d{{1,4}}|[.-]{_DATE}){suffix}{_PACKED}" if suffix else None
    return re.compile("|".join(filter(None, (after, before))))
