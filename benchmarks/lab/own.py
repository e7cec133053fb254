"""Writes what a host logs itself: orbit, osqueryd, and a Mac's unified log."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone

from lab.central import compact, moment
from lab.world import ROTATED, Host, World


def _local(world: World, host: Host, at: float | None = None) -> datetime:
    """Return what the host's clock shows."""
    shown = (world.now if at is None else at) + host.drift_s
    return datetime.fromtimestamp(shown, timezone(timedelta(seconds=host.zone_s)))


def orbit(world: World, host: Host, said: str, proof: str | None = None) -> None:
    """Write a line of orbit: ``said`` begins with the level, ``INF`` and the like."""
    if host.awake and host.agent:
        stamp = _local(world, host).isoformat(timespec="seconds")
        stamp = stamp.removesuffix("+00:00") + "Z" if stamp.endswith("+00:00") else stamp
        _own(world, host, "orbit", f"{stamp} {said}", proof)


def bare(world: World, host: Host, said: str, proof: str | None = None) -> None:
    """Write what another program says into orbit's stderr, without a time."""
    if host.awake:
        _own(world, host, "orbit", said, proof)


def _own(world: World, host: Host, log: str, text: str, proof: str | None) -> None:
    world.journal.write(f"hosts/{host.name}/{log}", world.now, text, host.name, proof)


def osqueryd(world: World, host: Host, severity: str, said: str, proof: str | None = None) -> None:
    """Write a line of osqueryd, ``file.cpp:1] said``: to orbit's stderr, and to Fleet when it can be sent."""
    if not (host.awake and host.agent):
        return
    local = _local(world, host)
    if severity != "I":
        glog = f"{severity}{local:%m%d %H:%M:%S.%f} {world.dice.randrange(10**8)} {said}"
        _own(world, host, "orbit", glog, proof)
    place, _, message = said.partition("] ")
    source, _, line = place.partition(":")
    stamp = local.astimezone(UTC)
    told = {
        "hostIdentifier": host.key, "calendarTime": f"{stamp:%a %b} {stamp.day:>2} {stamp:%H:%M:%S %Y} UTC",
        "unixTime": int(stamp.timestamp()), "severity": "IWEF".index(severity), "filename": source,
        "line": int(line), "message": message, "version": "5.17.0",
        "decorations": {"host_uuid": host.key, "hostname": host.name},
    }  # fmt: skip
    host.unsent.append((world.now, compact(told), proof))


def send(world: World, host: Host) -> None:
    """Let osqueryd send what it has logged; what waited long comes late."""
    for _, text, proof in host.unsent:
        world.journal.write("osquery_status", world.now, text, host.name, proof)
    host.unsent.clear()


def results(
    world: World, host: Host, query: str, rows: list[dict[str, str]], proof: str | None
) -> None:
    """Write a snapshot of a scheduled query, as Fleet writes it on."""
    stamp = moment(world.now)
    line = {
        "action": "snapshot", "snapshot": rows, "name": f"pack/Global/{query}", "epoch": 0, "counter": 0,
        "numerics": False, "hostIdentifier": host.key,
        "calendarTime": f"{stamp:%a %b} {stamp.day:>2} {stamp:%H:%M:%S %Y} UTC",
        "unixTime": int(world.now), "decorations": {"host_uuid": host.key, "hostname": host.name},
    }  # fmt: skip
    world.journal.write("osquery_results", world.now, compact(line), host.name, proof)


_PATHS = {
    "apsd": "/System/Library/PrivateFrameworks/ApplePushService.framework/apsd",
    "kernel": "/kernel",
    "powerd": "/System/Library/CoreServices/powerd.bundle/powerd",
}


def unified(
    world: World,
    host: Host,
    whence: tuple[str, str, str, str],
    said: str,
    proof: str | None = None,
) -> None:
    """Write an event of a Mac's unified log.

    Args:
        world: What there is.
        host: The Mac.
        whence: Process, level, subsystem and category.
        said: The message.
        proof: The cause that it shows.
    """
    if host.platform != "darwin" or not host.awake or world.now < ROTATED:
        return
    process, level, subsystem, category = whence
    local = _local(world, host)
    if host.style == "default":
        stamp = f"{local:%Y-%m-%d %H:%M:%S.%f%z}"
        place = f"[{subsystem}:{category}] " if subsystem else ""
        thread = f"0x{world.dice.randrange(4096, 65000):<8x}"
        row = f"{stamp} {thread} {level:<11} {'0x0':<20} {_pid(process):<6} 0    "
        text = f"{row}{process}: {place}{said}"
        _own(world, host, "unified_log", text, proof)
        return
    _own(world, host, "unified_log", _event(world, host, local, whence, said), proof)


def _pid(process: str) -> int:
    return 0 if process == "kernel" else 100 + sum(process.encode()) % 800


def _event(
    world: World, host: Host, local: datetime, whence: tuple[str, str, str, str], said: str
) -> str:
    process, level, subsystem, category = whence
    path = _PATHS.get(process, f"/usr/libexec/{process}")
    image = f"{sum(process.encode()):08X}-0000-3000-8000-{len(process):012X}"
    offset = sum(re.sub(r"\d", "", said).encode())
    event = {
        "timezoneName": "", "messageType": level, "eventType": "logEvent", "source": None,
        "formatString": "%{public}@", "userID": 0, "activityIdentifier": 0, "subsystem": subsystem,
        "category": category, "threadID": world.dice.randrange(1000, 900000), "senderImageUUID": image,
        "backtrace": {"frames": [{"imageOffset": offset, "imageUUID": image}]},
        "bootUUID": f"{host.key[:-4]}B007", "processImagePath": path, "senderImagePath": path,
        "timestamp": f"{local:%Y-%m-%d %H:%M:%S.%f%z}", "machTimestamp": int((world.now - ROTATED) * 24e6) + 10**12,
        "eventMessage": said, "processImageUUID": image, "traceID": offset << 32 | 4,
        "processID": _pid(process), "senderProgramCounter": offset, "parentActivityIdentifier": 0,
    }  # fmt: skip
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).replace("/", "\\/")


def clock_moved(world: World, host: Host, proof: str | None) -> None:
    """Write the event by which the unified log marks that the wall clock was set."""
    if host.style != "ndjson" or not host.awake:
        return
    event = {
        "timezoneName": "", "eventType": "timesyncEvent", "subsystem": "", "category": "",
        "bootUUID": f"{host.key[:-4]}B007", "processImagePath": "", "timestamp":
        f"{_local(world, host):%Y-%m-%d %H:%M:%S.%f%z}", "machTimestamp": int((world.now - ROTATED) * 24e6) + 10**12,
        "eventMessage": "=== system wallclock time adjusted", "threadID": 0, "traceID": 0,
    }  # fmt: skip
    _own(world, host, "unified_log", compact(event), proof)
