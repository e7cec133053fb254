"""The hosts of `soak.py` that upload to a folder: plain and packed, slowly and at once."""

import io
import tarfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from soak_sides import Side


class Inbox(Side):
    """Hosts that upload what they have: plain, packed, slowly or at once; each upload shows some events again."""

    format = "unified_log"
    SLOW_S = 0.5
    PAUSE_S = 4.0

    def __init__(self, root: Path, seed: int) -> None:
        super().__init__("inbox", root, seed)
        self.folder = root / "inbox"
        self._last: dict[str, list[str]] = {}
        self._next = 0.0
        for number in range(3):
            (self.folder / f"mac-{number}").mkdir(parents=True)

    def config(self) -> str:
        return 'kind = "inbox"\npath = "inbox/{host}"\nsettle = "10 seconds"\n'

    def write(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self.PAUSE_S * 2 * self.chance.random()
        host = f"mac-{self.chance.randrange(3)}"
        now = datetime.now(UTC)
        new = [self.unified(now) for _ in range(self.chance.randint(2, 40))]
        again = [line for line in self._last.get(host, []) if '"never"' not in line]
        self._last[host] = new[-5:]
        name = f"{host}-{self._count}"
        kind = self.chance.choice((".ndjson", ".zip", ".tar.gz"))
        data = {".ndjson": _plain, ".zip": _zipped, ".tar.gz": _tarred}[kind](name, again + new)
        self._upload(self.folder / host / (name + kind), data)

    def _upload(self, path: Path, data: bytes) -> None:
        if self.chance.random() < 0.5:  # noqa: PLR2004 - half of them
            aside = self.root / "upload"
            aside.write_bytes(data)
            aside.rename(path)
            return
        cuts = sorted(self.chance.randrange(len(data)) for _ in range(3))
        with path.open("wb", buffering=0) as file:
            for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                file.write(data[start:end])
                time.sleep(self.SLOW_S * self.chance.random())

    def break_off(self) -> None:
        self.folder.rename(self.root / "inbox.away")

    def mend(self) -> None:
        (self.root / "inbox.away").rename(self.folder)


def _plain(_: str, lines: list[str]) -> bytes:
    return "".join(lines).encode()


def _members(name: str, lines: list[str]) -> list[tuple[str, bytes]]:
    """Return two logs and something that is none."""
    half = len(lines) // 2
    parts = [(f"{name}/a.ndjson", lines[:half]), (f"{name}/b.ndjson", lines[half:])]
    logs = [(path, "".join(part).encode()) for path, part in parts if part]
    return [*logs, (f"{name}/picture.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x00")]


def _zipped(name: str, lines: list[str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in _members(name, lines):
            archive.writestr(path, data)
    return out.getvalue()


def _tarred(name: str, lines: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, data in _members(name, lines):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(data), int(time.time())
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()
