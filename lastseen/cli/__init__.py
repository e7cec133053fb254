"""The command line: arguments in, text out. The only place that prints or exits."""

import os
import sys

from lastseen.cli import ask, data, incidents, jobs, status, why
from lastseen.cli.app import app

__all__ = ["ask", "data", "incidents", "jobs", "main", "status", "why"]


def main() -> None:
    """Run the command line."""
    _have_standard_files()
    app()


def _have_standard_files() -> None:
    """Let those that are closed lead nowhere, so that no other file takes their numbers and is written to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)
