"""Commands that come with lastseen: what to run for a Mac's unified log and for a systemd journal."""

from collections.abc import Mapping
from dataclasses import dataclass

QUESTIONS: Mapping[str, str] = {
    "mdm": (
        'processImagePath CONTAINS "mdmclient" OR subsystem CONTAINS "com.apple.ManagedClient"'
        ' OR process == "cloudconfigurationd"'
    ),
    "declarations": (
        'process == "remotemanagementd" OR subsystem CONTAINS "remotemanagementd"'
        ' OR subsystem CONTAINS "com.apple.dmd"'
        ' OR subsystem CONTAINS "SoftwareUpdateMacController"'
        ' OR subsystem CONTAINS "ManagedAppDistribution"'
    ),
    "pushes": 'process == "apsd"',
    "trust": (
        'subsystem == "com.apple.securityd" OR subsystem == "com.apple.trustd"'
        ' OR process IN {"trustd", "securityd", "secd"}'
        ' OR (subsystem == "com.apple.network" AND category IN {"connection", "boringssl"})'
        ' OR (subsystem == "com.apple.CFNetwork" AND messageType IN {"error", "fault"})'
    ),
    "updates": (
        'process IN {"softwareupdated", "installd", "system_installd"}'
        ' OR subsystem IN {"com.apple.SoftwareUpdate", "com.apple.mac.install",'
        ' "com.apple.SoftwareUpdateMacController", "com.apple.mobileassetd"}'
    ),
    "downloads": 'process IN {"storedownloadd", "appstored", "nsurlsessiond"}',
    "fleet": 'process IN {"orbit", "osqueryd", "fleet-desktop"}',
    "power": (
        'process == "powerd" OR (process == "kernel" AND (eventMessage CONTAINS "PMRD:"'
        ' OR eventMessage CONTAINS "Wake reason"'
        ' OR eventMessage CONTAINS "Previous shutdown cause"))'
    ),
    "clock": 'process == "timed" OR eventType == "timesyncEvent"',
    "loss": 'eventType == "lossEvent"',
    "locks": 'subsystem == "com.apple.libsqlite3"',
    "scheduling": 'process == "dasd"',
    "hangs": (
        'process IN {"spindump", "ReportCrash", "WindowServer"}'
        ' OR eventMessage CONTAINS[c] "unresponsive"'
    ),
}
"""Which events of a Mac's log bear on a cause that ``why`` can name; all of the log is gigabytes a day."""


@dataclass(frozen=True)
class Preset:
    """A command and the format of what it prints."""

    format: str
    words: tuple[str, ...]
    """The program and its arguments, with ``{since}``, ``{until}`` and ``{cursor}``."""
    again: tuple[str, ...] | None = None
    """The same where a cursor is known."""


_JOURNAL = ("journalctl", "--output=json", "--all", "--no-pager")
PRESETS: Mapping[str, Preset] = {
    "unified_log": Preset(
        "unified_log",
        (
            "/usr/bin/log",  # a shell has a builtin of the name `log`
            *("show", "--style", "ndjson", "--timezone", "UTC", "--info", "--debug"),
            *("--start", "{since:%Y-%m-%d %H:%M:%S+0000}"),
            *("--end", "{until:%Y-%m-%d %H:%M:%S+0000}"),
            *("--predicate", " OR ".join(f"({question})" for question in QUESTIONS.values())),
        ),
    ),
    "journald": Preset(
        "journald",
        (*_JOURNAL, "--since={since:%Y-%m-%d %H:%M:%S} UTC"),
        (*_JOURNAL, "--after-cursor={cursor}"),
    ),
}
"""By name. `log show` does not know RFC 3339 and its ``--timezone`` is about what it prints alone, so its times
carry their offset; journalctl takes a cursor or a time and not both."""
