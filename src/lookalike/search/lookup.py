"""Which row holds a key."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[Any]
"""int64 or uint64."""
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

CHUNK = 1 << 16


class Lookup:
    """Keys in order beside their rows: a million take 16 MB, and a question is a binary search.

    Rows are numbered from 0 without gaps, in the order in which their keys came.
    """

    def __init__(self, keys: Keys) -> None:
        self.rows: Rows = np.argsort(keys, kind="stable")
        self.keys = keys[self.rows]

    def find(self, keys: Keys) -> Rows:
        """A row that holds each key, -1 where none does: (N,) -> int64 (N,)."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.rows[at], -1)

    def add(self, keys: Keys) -> None:
        """Let the next rows hold these keys."""
        order = np.argsort(keys, kind="stable")
        at = np.searchsorted(self.keys, keys[order], side="right")
        self.rows = np.insert(self.rows, at, len(self.rows) + order)
        self.keys = np.insert(self.keys, at, keys[order])

    def keep(self, kept: Mask) -> None:
        """Keep some rows, bool (rows,), and number them anew without gaps."""
        still = kept[self.rows]
        self.keys = self.keys[still]
        self.rows = (np.cumsum(kept) - 1)[self.rows[still]]


def fingerprints(points: npt.NDArray[np.float32]) -> npt.NDArray[np.uint64]:
    """A 64-bit number for each row of float32 (N, K), the same for the same numbers: multilinear hashing.

    Source: Lemire and Kaser, "Strongly universal string hashing is fast", 2014.
    """
    factors = _factors(points.shape[1])
    found = np.empty(len(points), np.uint64)
    for start in range(0, len(points), CHUNK):
        # Adding 0 turns -0.0 into 0.0, which is the same number in other bits.
        bits = (points[start : start + CHUNK] + np.float32(0)).view(np.uint32).astype(np.uint64)
        found[start : start + CHUNK] = (bits * factors).sum(axis=1, dtype=np.uint64)
    return found


@lru_cache(maxsize=8)
def _factors(count: int) -> npt.NDArray[np.uint64]:
    """Odd 64-bit numbers, always the same."""
    drawn = np.random.default_rng(0).integers(0, 2**63, count, np.uint64)
    return drawn * np.uint64(2) + np.uint64(1)
