"""The command line: arguments in, text out. The only place that prints or exits."""

from lastseen.cli import ask, data, jobs, status
from lastseen.cli.app import app

__all__ = ["ask", "data", "jobs", "main", "status"]


def main() -> None:
    """Run the command line."""
    app()
