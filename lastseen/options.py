"""What options may say, apart from the heavy modules that it is for: `--help` needs this alone."""

from enum import StrEnum

MEMORY = "1GB"
"""What a query of a user may hold."""
SEVERITIES = ("low", "medium", "high", "critical")


class Form(StrEnum):
    """How `sql` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    MARKDOWN = "markdown"
    PARQUET = "parquet"


class Supervisor(StrEnum):
    """Who can keep `schedule` running, by the file that it is told with."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
