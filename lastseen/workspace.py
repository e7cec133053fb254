"""A project that is open: its content, its settings, its lake."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from lastseen import formats, project, rulefile, rules, settings
from lastseen.errors import UserError
from lastseen.lake import Lake
from lastseen.project import Project
from lastseen.rulefile import Rule
from lastseen.rules import Finding
from lastseen.settings import Settings
from lastseen.views import Views

_INVENTORY = timedelta(days=7)
"""How much further back than its window a rule may look: for the last snapshot of a host, for its first sign."""
_ALSO = ["from covered, hosts, logs"]
"""What is asked besides rules: what findings stand on, and what proves that a trouble is over."""


@dataclass(frozen=True)
class Workspace:
    """What a command works on."""

    project: Project
    settings: Settings
    lake: Lake

    @classmethod
    def open(cls, folder: Path) -> "Workspace":
        """Open the project of a folder.

        Raises:
            UserError: there is no such folder, or its lastseen.toml is wrong.
        """
        found = project.find(folder)
        read = settings.load(found.config)
        return cls(found, read, Lake(found.root / read.lake))

    def views(
        self,
        now: datetime,
        since: datetime | None = None,
        reading: Iterable[str] | None = None,
    ) -> Views:
        """Open the lake for reading.

        Args:
            now: The latest moment that queries may know of, UTC.
            since: The earliest that they look at; None reads all.
            reading: The queries that will be asked; None is any.
        """
        schemas = formats.schemas(self.project, formats.load(self.project))
        horizon = since - _INVENTORY if since else None
        return Views(self.project, self.lake, self.settings, schemas, now, horizon, reading=reading)

    def rules(self, names: Sequence[str] | None = None) -> dict[str, Rule]:
        """Return rules by name: those that are named, else all but those that only run when asked.

        Raises:
            UserError: there is no such rule, or the header of one is wrong.
        """
        known = rulefile.load(self.project)
        if unknown := [name for name in names or [] if name not in known]:
            raise UserError(f"there is no rule {', '.join(unknown)}; known are {', '.join(known)}")
        usual = [name for name, rule in known.items() if not rule.when_asked]
        return {name: known[name] for name in names or usual}

    def check(
        self, now: datetime, names: list[str] | None = None, since: datetime | None = None
    ) -> tuple[list[Finding], Views]:
        """Run rules at a moment; return what they found, and the database for more questions.

        Without names it is all but those that only run when asked.

        Raises:
            UserError: there is no such rule, or one does not run.
        """
        chosen = self.rules(names)
        longest = max((rule.window for rule in chosen.values()), default=timedelta())
        reading = [rule.source.query for rule in chosen.values()] + _ALSO if names else None
        views = self.views(now, min(now - longest, since or now), reading)
        return rules.check(views, chosen, now, since), views
