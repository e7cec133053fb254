"""How often each key is there, and how often a file that is being read may still show it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass
class _Piece:
    """Some keys, sorted, each once."""

    keys: Hashes
    there: Ints
    left: Ints
    """How often the file has not shown it yet."""

    @classmethod
    def of(cls, hashes: Hashes) -> "_Piece":
        """Count hashes."""
        keys, there = np.unique(hashes, return_counts=True)
        return cls(keys, there.astype(np.int64), there.astype(np.int64))

    def merged(self, other: "_Piece") -> "_Piece":
        """Return both as one."""
        keys = np.concatenate([self.keys, other.keys])
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        starts = np.flatnonzero(_begins(keys))
        there, left = (
            np.add.reduceat(np.concatenate(pair)[order], starts)
            for pair in ((self.there, other.there), (self.left, other.left))
        )
        return _Piece(keys[starts], there, left)

    def strike(self, hashes: Hashes) -> Mask:
        """Say which of these are there, and strike them off what is left."""
        at = np.searchsorted(self.keys, hashes)
        at[at == len(self.keys)] = 0
        found = self.keys[at] == hashes
        if found.any():
            places = at[found]
            known = _nth(places) < self.left[places]
            np.subtract.at(self.left, places[known], 1)
            found[found] = known
        return np.asarray(found)


@dataclass
class Tally:
    """Counted keys, in pieces of which each is at least twice as long as the next: adding some moves few."""

    pieces: list[_Piece] = field(default_factory=list)

    def add(self, hashes: Hashes) -> None:
        """Count some in."""
        if not len(hashes):
            return
        piece = _Piece.of(hashes)
        while self.pieces and len(self.pieces[-1].keys) < 2 * len(piece.keys):
            piece = self.pieces.pop().merged(piece)
        self.pieces.append(piece)

    def strike(self, hashes: Hashes) -> Mask:
        """Say which of these are there: one that is there twice is found twice, and then no more."""
        found = np.zeros(len(hashes), bool)
        for piece in self.pieces:
            rest = np.flatnonzero(~found)
            found[rest] = piece.strike(hashes[rest])
        return found

    def again(self) -> None:
        """Begin a file: it may show all of them once more."""
        for piece in self.pieces:
            piece.left = piece.there.copy()


def _begins(ranked: Hashes | Ints) -> Mask:
    """Say where in sorted values another one begins."""
    begins = np.ones(len(ranked), bool)
    begins[1:] = ranked[1:] != ranked[:-1]
    return begins


def _nth(places: Ints) -> Ints:
    """Return of each value how many like it stand before it.

    >>> _nth(np.array([7, 3, 7, 7, 3])).tolist()
    [0, 0, 1, 2, 1]
    """
    order = np.argsort(places, kind="stable")
    here = np.arange(len(places))
    first = np.maximum.accumulate(np.where(_begins(places[order]), here, 0))
    nth = np.empty(len(places), np.int64)
    nth[order] = here - first
    return nth
