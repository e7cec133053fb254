"""Who keeps ``lastseen schedule`` running: files that tell systemd and launchd of it, and what systemd is told."""

import os
import plistlib
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lastseen.settings import Settings
from lastseen.sources import Command, Inbox, Ssh

_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))
"""What systemd's ProtectHome is about."""
_UNIT = """\
# For systemd: save it as /etc/systemd/system/lastseen.service, then
#   systemctl daemon-reload && systemctl enable --now lastseen
[Unit]
Description=lastseen for {plain_root}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=notify
User={user}
ExecStart={command}
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=10
# A wrong lastseen.toml, or another `lastseen schedule` here: starting again would not help.
RestartPreventExitStatus=2 75
WatchdogSec=2min
# What a pull has begun is made whole before it ends.
KillMode=mixed
TimeoutStopSec=5min

# Secrets come as files that only this service can read; in lastseen.toml then
#   token_file = "/run/credentials/lastseen.service/fleet-token"
#LoadCredential=fleet-token:/etc/lastseen/fleet-token
# Groups that may read the logs of this machine:
{groups}

MemoryMax=4G
TasksMax=512
Nice=5
UMask=0077

ProtectSystem=strict
ProtectHome={home}
ReadWritePaths={writes}
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def program(root: Path) -> list[str]:
    """Return the command that runs a project's jobs, from any folder."""
    script = Path(sys.executable).parent / "lastseen"
    ours = [str(script)] if script.is_file() else [sys.executable, "-m", "lastseen"]
    return [*ours, "-C", str(root), "schedule"]


def systemd(root: Path, settings: Settings, user: str) -> str:
    """Return a unit file.

    Args:
        root: The project's folder.
        settings: What its lastseen.toml says.
        user: Who it runs as.
    """
    journal = any(
        isinstance(source, Command) and source.preset == "journald"
        for source in settings.sources.values()
    )
    groups = "SupplementaryGroups=systemd-journal" if journal else "#SupplementaryGroups=adm"
    return _UNIT.format(
        plain_root=_specifiers(_line(root)),
        user=_specifiers(user),
        command=" ".join(
            _quoted(word, variables=bool(number)) for number, word in enumerate(program(root))
        ),
        groups=groups,
        home="read-only" if _in_homes(root, settings) else "yes",
        writes=" ".join(_quoted(str(path), variables=False) for path in _written(root, settings)),
    )


def launchd(root: Path, user: str | None) -> str:
    """Return a property list.

    Args:
        root: The project's folder.
        user: Who it runs as, for a daemon of the whole machine; None for an agent of whoever loads it.
    """
    name = re.sub(r"[^A-Za-z0-9-]+", "-", root.name).strip("-") or "project"
    log = str(root / "schedule.log")
    told: dict[str, object] = {
        "Label": f"lastseen.{name}",
        "ProgramArguments": program(root),
        "WorkingDirectory": str(root),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 30,
        "ProcessType": "Background",
        "ExitTimeOut": 300,
        "StandardOutPath": log,
        "StandardErrorPath": log,
        "Umask": 0o077,
    }
    return plistlib.dumps(told | ({"UserName": user} if user else {})).decode()


def notify(what: str) -> None:
    """Tell systemd something (sd_notify); nothing where it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    # Where it cannot be told that all is well, it does what it does when nothing is well, and says so itself.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(what.encode(), address)


def reloading() -> str:
    """Return what systemd wants to hear before lastseen.toml is read again."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def watchdog(at_most: float) -> float:
    """Return how many seconds may pass between two signs of life."""
    wanted = os.environ.get("WATCHDOG_USEC", "")
    return min(at_most, int(wanted) / 3_000_000) if wanted.isdigit() and int(wanted) else at_most


def _written(root: Path, settings: Settings) -> Iterator[Path]:
    """Yield the folders that are written to: the project, and what it has elsewhere."""
    yield root
    elsewhere = [settings.lake] if "://" not in settings.lake else []
    elsewhere += [
        source.path.partition("{host}")[0]
        for source in settings.sources.values()
        if isinstance(source, Inbox) and source.then == "delete"
    ]
    for place in dict.fromkeys(root / place for place in elsewhere):
        if not place.is_relative_to(root):
            yield place


def _in_homes(root: Path, settings: Settings) -> bool:
    """Say whether something is needed that ProtectHome would hide: the project, the program, keys for SSH."""
    needed = [root, Path(sys.executable), Path(sys.prefix), *_written(root, settings)]
    keys = any(isinstance(source, Ssh) for source in settings.sources.values())
    return keys or any(path.is_relative_to(home) for path in needed for home in _HOMES)


def _specifiers(text: str) -> str:
    return text.replace("%", "%%")


def _line(path: Path) -> str:
    """Write a path inside a line for people."""
    return re.sub(r"[\x00-\x1f\x7f]", "?", str(path)).rstrip("\\")


def _quoted(text: str, *, variables: bool) -> str:
    """Write a word as systemd reads it; ``variables`` where it would put variables in for ``$``."""
    text = _specifiers(text).replace("\\", "\\\\").replace('"', '\\"')
    text = re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):02x}", text)
    if variables:
        text = text.replace("$", "$$")
    return text if re.fullmatch(r"[\w./%:@=+-]+", text) else f'"{text}"'
