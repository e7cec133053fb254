"""Writes the benchmarks' input: logs of a made-up fleet, the same bytes for the same seed."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

SEED = 7
HOSTS = 2000
START = datetime(2026, 3, 9, tzinfo=UTC)

Lines = Iterator[str]


def write(target: Path, size: int, lines: Callable[[random.Random, int], Lines]) -> None:
    """Write lines until a file has its size; one that has it already is left as it is.

    Args:
        target: The file.
        size: Bytes.
        lines: Yields lines; told a generator of random numbers and about how many lines there will be.
    """
    if target.exists() and target.stat().st_size >= size:
        return
    dice = random.Random(SEED)
    sample = [
        len(line) for line, _ in zip(lines(random.Random(SEED), 1000), range(1000), strict=False)
    ]
    count = size * len(sample) // sum(sample)
    written = 0
    with target.open("w", encoding="utf-8") as out:
        for line in lines(dice, count):
            out.write(line)
            written += len(line)
            if written >= size:
                return


def ticks(dice: random.Random, count: int) -> Iterator[datetime]:
    """Yield growing times over one day."""
    now = START
    step = 86_400_000_000 // count
    while True:
        now += timedelta(microseconds=dice.randrange(1, 2 * step))
        yield now


def host_uuid(number: int) -> str:
    """Return a host's hardware UUID."""
    return f"{number:08X}-0000-4000-8000-{number * 7919:012X}"


_ENDPOINTS = (
    "/api/osquery/distributed/read",
    "/api/osquery/distributed/write",
    "/api/osquery/config",
    "/api/osquery/log",
    "/api/fleet/orbit/config",
)


def fleet(dice: random.Random, count: int) -> Lines:
    """Yield a Fleet server's JSON log with debug on, as slog writes it since August 2026."""
    for number, now in enumerate(ticks(dice, count)):
        host = dice.randrange(HOSTS)
        line = {
            "ts": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": "debug",
            "component": "http",
            "method": "POST",
            "uri": _ENDPOINTS[dice.randrange(5)],
            "took": f"{dice.randrange(1, 60)}.{dice.randrange(1_000_000):06d}ms",
            "ip_addr": f"192.0.2.{host % 250}",
            "x_for_ip_addr": f"198.51.100.{host % 250}",
            "host_id": host,
        }
        if number % 997 == 0:
            line |= {
                "level": "error",
                "err": "updating host details: Error 1213 (40001): Deadlock found when trying to get lock; "
                "try restarting transaction",
            }
        yield json.dumps(line, separators=(",", ":")) + "\n"


_TEMPLATES = (
    ("mdmclient", "com.apple.ManagedClient", "MDMDaemon", "[0:MDMDaemon:<0x%x>] Processing server request: %s"),
    ("mdmclient", "com.apple.ManagedClient", "HTTPUtil", ">>>>> Sending HTTP request (PUT) [Idle(%d)] >>>>>"),
    ("apsd", "com.apple.apsd", "courier", "%s: Stream processing: complete, connected on interface %d"),
    ("trustd", "com.apple.securityd", "policy", "cert[%d]: evaluated, policy %s, result trusted"),
    ("powerd", "com.apple.powerd", "sleepWake", "Process assertiond(%d) created PreventUserIdleSystemSleep %s"),
    ("kernel", "", "", "AppleKeyStore: operation %d (pid: %d sel: 7 ret: 0)"),
    ("softwareupdated", "com.apple.SoftwareUpdate", "SUOSU", "Scan %d for updates finished with %d results"),
    ("nsurlsessiond", "com.apple.CFNetwork", "Summary",
     "Task <%x>.<%d> summary for task success {response_status=200}"),
)  # fmt: skip


def unified(dice: random.Random, count: int) -> Lines:
    """Yield `log show --style ndjson`, with the keys and in the order of macOS 15."""
    boot = host_uuid(15)
    for mach, now in enumerate(ticks(dice, count), 10**12):
        process, subsystem, category, template = _TEMPLATES[dice.randrange(len(_TEMPLATES))]
        number = dice.randrange(1000)
        words = tuple(
            number if f in "xd" else f"item-{number}"
            for f in template.replace("%%", "").split("%")[1:]
            for f in f[:1]
        )
        image = f"\\/usr\\/libexec\\/{process}"
        message = json.dumps(template % words)
        yield (
            f'{{"timezoneName":"","messageType":"Default","eventType":"logEvent","source":null,'
            f'"formatString":{json.dumps(template)},"userID":0,"activityIdentifier":{dice.randrange(2**40)},'
            f'"subsystem":"{subsystem}","category":"{category}","threadID":{dice.randrange(4000)},'
            f'"senderImageUUID":"{host_uuid(number)}","backtrace":{{"frames":[{{"imageOffset":{number * 17},'
            f'"imageUUID":"{host_uuid(number)}"}}]}},"bootUUID":"{boot}","processImagePath":"{image}",'
            f'"senderImagePath":"{image}","timestamp":"{now:%Y-%m-%d %H:%M:%S.%f}+0000",'
            f'"machTimestamp":{mach * 41},"eventMessage":{message},"processImageUUID":"{host_uuid(number)}",'
            f'"traceID":{number << 32 | 4},"processID":{100 + number % 40},"senderProgramCounter":{number * 17},'
            f'"parentActivityIdentifier":0}}\n'
        )


_AGENTS = (
    "osquery/5.16.0",
    "osquery/5.17.0",
    "Go-http-client/1.1",
    "MDM-OSX/1.0 mdmclient/1660",
    "Fleet Desktop",
)


def nginx(dice: random.Random, count: int) -> Lines:
    """Yield nginx's combined access log."""
    for now in ticks(dice, count):
        host = dice.randrange(HOSTS)
        status = 200 if dice.randrange(500) else 502
        yield (
            f"192.0.2.{host % 250} - - [{now:%d/%b/%Y:%H:%M:%S} +0000] "
            f'"POST {_ENDPOINTS[dice.randrange(5)]} HTTP/1.1" {status} {dice.randrange(20, 4000)} "-" '
            f'"{_AGENTS[dice.randrange(5)]}"\n'
        )


_PAGE = 100
"""Hosts on a page of Fleet's API."""


def inventory() -> Lines:
    """Yield every host as Fleet's API gives it, a page a line, pulled shortly before the day's end."""
    pulled = START + timedelta(days=1, minutes=-1)
    seen = pulled - timedelta(seconds=30)
    for first in range(0, HOSTS, _PAGE):
        hosts = [
            {
                "id": number,
                "uuid": host_uuid(number),
                "hardware_serial": f"ZX{number:08d}",
                "hostname": f"mac-{number:04d}",
                "platform": "darwin",
                "os_version": f"macOS 15.{number % 6}",
                "seen_time": f"{seen:%Y-%m-%dT%H:%M:%SZ}",
                "last_enrolled_at": "2025-10-22T14:15:00Z",
                "mdm": {"enrollment_status": "On (automatic)", "connected_to_fleet": True},
            }
            for number in range(first, first + _PAGE)
        ]
        page = {"pulled_at": f"{pulled:%Y-%m-%dT%H:%M:%SZ}", "body": {"hosts": hosts}}
        yield json.dumps(page, separators=(",", ":")) + "\n"
