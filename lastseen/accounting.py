"""Each record that was read is a row, a reject or a line that is none; here they are counted."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from lastseen.errors import UserError
from lastseen.records import HUGE, Chunk

REASON = "reject"
"""A format's column of this name says why a row is none; it is not stored."""
_HUGE = f"over {HUGE >> 20} MB long; nothing that writes logs writes such a line"
_REST = "the rest of a line that was read before its end; read the file once it is complete"

Ints = npt.NDArray[np.int64]


@dataclass(eq=False)
class _Open:
    """A chunk of which rows may still come."""

    chunk: Chunk
    seen: npt.NDArray[np.bool_]
    reasons: list[tuple[Ints, Any]] = field(default_factory=list)
    bad: list[Ints] = field(default_factory=list)
    """Lines of which the query made no row."""


class Account:
    """Compares the records that went into a format's query with the rows that came out."""

    def __init__(self, what: str, skip: re.Pattern[str] | None, rest: int | None = None) -> None:
        self._what = what
        self._skip = skip
        self._rest = rest
        self._open: deque[_Open] = deque()
        """DuckDB feeds from a thread of its own, so it is copied before it is walked."""
        self._settled = 0
        self.skipped = 0
        """Lines that are no records and no loss."""

    def feed(self, chunk: Chunk) -> Chunk:
        """Note a chunk on its way into the query; return what of it is for the query to read."""
        now = _Open(chunk, np.zeros(len(chunk.lines), bool))
        readable = np.ones(len(chunk.lines), bool)
        if len(chunk.huge):
            readable[chunk.huge] = False
            now.reasons.append((chunk.lines[chunk.huge], pa.array([_HUGE] * len(chunk.huge))))
        if chunk.lines[0] == self._rest:
            readable[0] = False
            now.reasons.append((chunk.lines[:1], pa.array([_REST])))
        self._open.append(now)
        if readable.all():
            return chunk
        # Arrow cannot yet pick from string views; this is for a chunk in a million.
        texts = [chunk.texts[int(place)].as_py() for place in np.flatnonzero(readable)]
        return Chunk(chunk.lines[readable], pa.array(texts, pa.string_view()))

    def take(self, batch: Any) -> Any:
        """Note rows that came out; return those that are rows.

        Raises:
            UserError: the format shuffles its rows.
        """
        good = pc.is_valid(batch["ts"])
        if REASON in batch.schema.names:
            good = pc.and_(good, pc.is_null(batch[REASON]))
        lines = batch["line"].to_numpy(zero_copy_only=False)
        if len(lines) and lines.min() <= self._settled:
            raise UserError(
                f"format {self._what}: its rows come in another order than its records; leave out `order by`, "
                "`group by` and `union`, or use `case` for the shapes of a line"
            )
        whole = pc.all(good).as_py() is not False
        self._see(lines if whole else lines[good.to_numpy(zero_copy_only=False)])
        if whole:
            return batch
        bad = batch.filter(pc.invert(good))
        self._miss(bad["line"].to_numpy(zero_copy_only=False))
        if REASON in batch.schema.names:
            self._note(bad["line"].to_numpy(zero_copy_only=False), bad[REASON].cast(pa.string()))
        return batch.filter(good)

    def settle(self, upto: int | None = None) -> Iterator[tuple[Ints, Any, Any]]:
        """Yield the lines, reasons and texts of rejects.

        Args:
            upto: Rows have come up to this line, in order; None where all have.
        """
        while self._open:
            if upto is not None and (len(self._open) == 1 or self._open[1].chunk.lines[0] > upto):
                return
            done = self._open.popleft()
            self._settled = int(done.chunk.lines[-1]) if len(done.chunk.lines) else self._settled
            missing = np.flatnonzero(~done.seen)
            if len(missing):
                yield from self._rejects(done, missing)
            yield from self._inside(done)

    def _see(self, lines: Ints) -> None:
        chunks = [one for one in tuple(self._open) if len(one.chunk.lines)]
        for one, following in zip_longest(chunks, chunks[1:]):
            mine = lines[np.searchsorted(lines, one.chunk.lines[0]) :]
            if following:
                mine = mine[: np.searchsorted(mine, following.chunk.lines[0])]
            one.seen[np.searchsorted(one.chunk.lines, mine, side="right") - 1] = True

    def _note(self, lines: Ints, reasons: Any) -> None:
        for one in tuple(self._open):
            inside = (lines >= one.chunk.lines[0]) & (lines <= one.chunk.lines[-1])
            if inside.any():
                one.reasons.append((lines[inside], reasons.filter(pa.array(inside))))

    def _miss(self, lines: Ints) -> None:
        for one in tuple(self._open):
            if len(lines) and len(one.chunk.lines):
                one.bad.append(lines[lines >= one.chunk.lines[0]])

    def _inside(self, done: _Open) -> Iterator[tuple[Ints, Any, Any]]:
        """Yield lines of which no row was made, inside records of which other lines are rows."""
        if not done.bad:
            return
        lines = np.unique(np.concatenate(done.bad))
        if self._open:
            lines = lines[lines < self._open[0].chunk.lines[0]]
        at = np.searchsorted(done.chunk.lines, lines, side="right") - 1
        lost = done.seen[at] & (lines > done.chunk.lines[at])
        for record in np.unique(at[lost]):
            parts = done.chunk.texts[int(record)].as_py().split("\n")
            mine = lines[lost & (at == record)]
            texts = [parts[n] for n in mine - done.chunk.lines[record]]
            yield (
                mine,
                pa.array([f"no shape of {self._what} fits it"] * len(mine)),
                pa.array(texts, pa.string()),
            )

    def _rejects(self, done: _Open, missing: Ints) -> Iterator[tuple[Ints, Any, Any]]:
        texts = done.chunk.texts.cast(pa.string()).take(pa.array(missing))
        if self._skip is not None:
            skipped = pc.match_substring_regex(texts, pattern=self._skip.pattern).to_numpy(
                zero_copy_only=False
            )
            self.skipped += int(skipped.sum())
            missing, texts = missing[~skipped], texts.filter(pa.array(~skipped))
        if not len(missing):
            return
        reasons = np.full(len(done.seen), f"no shape of {self._what} fits it", object)
        for lines, given in done.reasons:
            at = np.searchsorted(done.chunk.lines, lines, side="right") - 1
            reasons[at] = given.fill_null("it has no time that can be read").to_numpy(
                zero_copy_only=False
            )
        yield done.chunk.lines[missing], pa.array(reasons[missing], pa.string()), texts
