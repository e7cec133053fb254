"""Where the content is: what comes with the tool, and a user's own files over it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lastseen.errors import UserError

PACKAGE = Path(__file__).parent
CONFIG = "lastseen.toml"
VARIABLE = "LASTSEEN_CONFIG"
"""The environment variable that names another file to be read as lastseen.toml."""


def shipped() -> Path:
    """Return the project that comes with the tool.

    A wheel carries it as ``lastseen/shipped``; in a checkout, the repository itself is it.
    """
    in_wheel = PACKAGE / "shipped"
    return in_wheel if in_wheel.is_dir() else PACKAGE.parent


@dataclass(frozen=True)
class Project:
    """A folder with a ``lastseen.toml`` and, where the user has any, content of their own."""

    root: Path
    given: Path | None = None
    """What is read in place of its lastseen.toml."""

    @property
    def config(self) -> Path:
        """The configuration; it need not be there."""
        return self.given or self.root / CONFIG

    @property
    def accepted(self) -> Path:
        """The configuration that `lastseen schedule` goes by: lastseen.toml as it last was right."""
        return self.root / ".lastseen.accepted.toml"

    @property
    def out(self) -> Path:
        """Where rendered pages go."""
        return self.root / "out"

    @property
    def lock(self) -> Path:
        """The file that a writer holds while it writes."""
        return self.root / ".lastseen.lock"

    @property
    def schedule_lock(self) -> Path:
        """The file that whoever runs all its jobs holds."""
        return self.root / ".lastseen.schedule.lock"

    @property
    def incidents_lock(self) -> Path:
        """The file that whoever changes incidents holds."""
        return self.root / ".lastseen.incidents.lock"

    @property
    def spool(self) -> Path:
        """Where pulled bytes wait to be read."""
        return self.root / "spool"

    @property
    def state(self) -> Path:
        """What is remembered between runs."""
        return self.root / "lastseen.sqlite"

    def content(self, folder: str, pattern: str) -> dict[str, Path]:
        """Return the files of a content folder by file name; a user's file replaces a shipped one."""
        found: dict[str, Path] = {}
        for base in dict.fromkeys((shipped(), self.root)):
            found |= {path.name: path for path in sorted((base / folder).glob(pattern))}
        return dict(sorted(found.items()))

    def layers(self, folder: str) -> Iterator[Path]:
        """Yield a content folder's places, the user's first."""
        for base in dict.fromkeys((self.root, shipped())):
            if (base / folder).is_dir():
                yield base / folder


def find(start: Path) -> Project:
    """Return the project of a folder: the nearest one above with a ``lastseen.toml``, else the folder.

    Raises:
        UserError: the folder is not there, or the file that the environment names in place of lastseen.toml.
    """
    given = Path(os.environ[VARIABLE]).absolute() if os.environ.get(VARIABLE) else None
    if given and not given.is_file():
        raise UserError(f"{given}: no such file, though {VARIABLE} names it")
    if not start.is_dir():
        raise UserError(f"{start}: no such folder; `lastseen init {start}` makes a project there")
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / CONFIG).is_file():
            return Project(folder, given)
    return Project(here, given)
