"""Builds a fleet: Macs, a few other machines, iPhones, and one Mac that was never enrolled."""

from lab.world import HISTORY, HOUR, Delivery, Host, Profile, World

_MACS = ("macOS 14.7.4", "macOS 15.5", "macOS 15.5", "macOS 26.1")
_ZONES = (0, 3600, 3600, 3600, -18000, 19800)
_SETTINGS = ("Firewall", "FileVault", "Wi-Fi Office", "Screen lock")


def build(world: World) -> None:
    """Fill a world with hosts whose profiles are all verified."""
    dice = world.dice
    profiles = [Profile(name, world.uuid().lower()) for name in _SETTINGS[: dice.randrange(2, 5)]]
    macs = dice.randrange(34, 48)
    kinds = ["darwin"] * macs + ["ubuntu"] * 3 + ["windows"] * 2 + ["ios"] * dice.randrange(3, 6)
    for number, platform in enumerate(kinds, 11):
        host = _host(world, number, platform)
        if host.apple:
            host.deliveries = [Delivery(profile, "verified", HISTORY) for profile in profiles]
        world.hosts.append(host)
    awaited = _host(world, 11 + len(kinds), "darwin")
    never_enrolled(awaited)
    world.hosts.append(awaited)
    world.benign[awaited.name] = {"enrollment-pending", "host-offline"}


def never_enrolled(host: Host) -> None:
    """Make a host one that Apple Business Manager gave to Fleet, and that nobody has unpacked."""
    host.enrolled = 0.0
    host.enrollment = "Pending"
    host.mdm_seen = None
    host.deliveries = []


def _host(world: World, number: int, platform: str) -> Host:
    dice = world.dice
    prefix, version = {
        "darwin": ("mac", dice.choice(_MACS)),
        "ubuntu": ("linux", "Ubuntu 24.04"),
        "windows": ("win", "Windows 11 Pro 24H2"),
        "ios": ("iphone", "iOS 18.4"),
    }[platform]
    apple = platform in {"darwin", "ios"}
    return Host(
        number=number,
        name=f"{prefix}-{number:03d}",
        key=world.uuid(),
        serial=f"ZX{dice.getrandbits(32):08X}",
        platform=platform,
        version=version,
        address=f"{dice.choice(('192.0.2', '198.51.100'))}.{number}",
        zone_s=dice.choice(_ZONES),
        drift_s=dice.gauss(0, 1.5),
        laptop=platform == "darwin" and world.chance(0.7),
        seen=HISTORY,
        details=HISTORY - dice.uniform(0, HOUR),
        mdm_seen=HISTORY - dice.uniform(0, 3 * HOUR) if apple else None,
        enrolled=HISTORY - dice.uniform(20, 200) * 24 * HOUR,
        enrollment="On (automatic)" if apple else "Off",
        style="default" if world.chance(0.2) else "ndjson",
    )
