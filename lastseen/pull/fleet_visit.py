"""What every part of a pull from Fleet works with, and how what it brings is kept."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lastseen.errors import UserError
from lastseen.pull.fleet_api import Answer, Api, Over, Unanswered
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Note, Spool
from lastseen.sources import Fleet

MOST_PAGES = 5_000
"""A list that is longer has no end."""
_EACH = 300
"""Answers in one unit of the spool,"""
_EACH_BYTES = 8 * 1024 * 1024
"""or their bytes: then the next unit begins."""


@dataclass(frozen=True)
class Visit:
    """One pull of one source."""

    source: Fleet
    spool: Spool
    errand: Errand
    api: Api
    outcome: Outcome

    def keep(
        self,
        formats: tuple[str, ...],
        path: str,
        lines: Iterator[bytes],
        remember: Callable[[], Mapping[str, str]],
    ) -> None:
        """Write lines into units of the spool as they come.

        Args:
            formats: Of what formats the lines are; each has a unit of its own with the same bytes.
            path: Where on the server they come from.
            lines: Snapshots. If they end in an error, those before it are kept and then it is raised.
            remember: Called after each unit's last line: what is remembered together with it.
        """
        emitter = self.source.host or urlsplit(self.source.url).hostname
        notes = [Note(self.api.base + path, form, emitter) for form in formats]
        more = True
        while more:
            with self.spool.draft() as draft:
                error: Exception | None = None
                count = size = 0
                try:
                    while (
                        count < _EACH
                        and size < _EACH_BYTES
                        and (more := bool(line := next(lines, b"")))
                    ):
                        draft.write(line)
                        count, size = count + 1, size + len(line)
                except (Unanswered, Over, UserError) as failed:
                    error = failed
                draft.keep(notes, self.api.clock(), remember())
            if error is not None:
                raise error

    def pages(self, path: str, entries: str) -> Iterator[tuple[Answer, list[dict[str, Any]]]]:
        """Yield the pages of a list and what is on each, until one is not full.

        Args:
            path: The request, which has a ``?``, without page numbers.
            entries: The key of the list in each answer.

        Raises:
            Unanswered: a page did not come, is no page, or is the one before over again.
        """
        before: list[dict[str, Any]] = []
        head, _, query = path.partition("?")
        for number in range(MOST_PAGES):
            request = f"{head}?page={number}&per_page={self.source.per_page}&{query}"
            answer = self.api.get(request)
            found = answer.body.get(entries, ...) if isinstance(answer.body, dict) else ...
            if found is None:
                found = []
            if not isinstance(found, list):
                raise self.api.unusable(request, f"JSON without {entries}")
            full = len(found) >= self.source.per_page
            found = [entry for entry in found if isinstance(entry, dict)]
            if found and found == before:
                raise Unanswered(
                    f"{self.api.base}: repeats its pages: {request} is the page before it"
                )
            yield answer, found
            if not full:
                return
            before = found
        raise Unanswered(f"{self.api.base}: {head} has no end: {MOST_PAGES} pages were read")
