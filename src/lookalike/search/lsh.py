"""Locality-sensitive hashing: the reference notebook's own suggestion for making search fast."""

from __future__ import annotations

from typing import ClassVar

from lookalike.search import refined
from lookalike.search.base import Setting
from lookalike.search.flat import load_faiss
from lookalike.search.lookup import Mask, Rows
from lookalike.search.metric import Floats

BITS_A_NUMBER = 8
FEWEST_BITS, MOST_BITS = 128, 1024


class LSHIndex(refined.RefinedIndex):
    """Signs of random projections as bits; the nearest by Hamming distance are ranked by their true distances.

    FAISS compares the bits of every code, so that the work grows with the set as exact search's does, 32 times
    lighter a number.

    Settings:
        bits: projections a code; by default 8 a number of the code, from 128 to 1,024.
        candidates: codes that are ranked by true distance, for one query.
    """

    kind = "lsh"
    options: ClassVar[dict[str, Setting]] = {
        "bits": Setting(None, 8, 1 << 16),
        "candidates": Setting(256, 1, 1 << 24, at_query=True),
    }
    effort = "candidates"

    @property
    def most_effort(self) -> int:
        """All codes: then nothing is missed."""
        return max(len(self), 1)

    @property
    def misses_nothing(self) -> bool:
        """Whether all codes are ranked."""
        return self.settings["candidates"] >= len(self)

    def _learn(self, points: Floats, count: int) -> None:
        faiss = load_faiss()
        width = points.shape[1]
        bits = self.settings.get("bits") or min(MOST_BITS, max(FEWEST_BITS, BITS_A_NUMBER * width))
        self.settings["bits"] = bits
        hashes = faiss.IndexLSH(width, bits, True, True)  # rotated at random, each bit's threshold at its median
        hashes.train(refined.training_points(points, 1))
        self._refine(hashes)

    def _keep(self, kept: Mask) -> None:
        self._remove(kept)

    def _search(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        return self._ranked(points, k, None)
