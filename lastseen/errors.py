"""What can go wrong in a way that a user can mend."""

import os
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """The exit codes, the same for every command."""

    DONE = 0
    """All done; findings are not failures."""
    FINDINGS = 1
    """Findings at or above ``--fail-on``."""
    USAGE = 2
    """The command line, the configuration or a content file is wrong."""
    PARTIAL = 3
    """Part of it failed, the rest was done."""
    DAMAGED = 4
    """The lake cannot be read or written."""
    LOCKED = 75
    """Another run holds the project's lock."""
    INTERRUPTED = 130
    """Ctrl-C; what was committed stays, the rest is untouched."""


class UserError(Exception):
    """Something the user can mend: one sentence with where, what, and what to do.

    Shown without a traceback. Anything else that reaches the command line is a bug.
    """

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code


def of_system(error: OSError) -> str:
    """Return what the system says was wrong with a file, as a sentence.

    >>> of_system(PermissionError(13, "Permission denied", "/var/log/x"))
    '/var/log/x: permission denied'
    """
    why = (error.strerror or str(error)).lower()
    if error.filename is None:
        return why
    name = error.filename
    shown = os.fsencode(name).decode(errors="backslashreplace") if isinstance(name, str) else name
    return f"{shown}: {why}"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a content file; readers yield them, ``lint`` prints them all."""

    path: Path
    line: int
    """Counted from 1; 0 where the whole file is meant."""
    what: str

    def __str__(self) -> str:
        """Return ``path:line: what``, as editors and CI understand it."""
        where = f"{self.path}:{self.line}" if self.line else f"{self.path}"
        return f"{where}: {self.what}"
