"""Inverted lists: codes in the cells of k-means, of which a query looks through the nearest."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from lookalike.search import flat, store
from lookalike.search.base import Index, Setting
from lookalike.search.flat import load_faiss
from lookalike.search.lookup import Mask, Rows
from lookalike.search.metric import Floats
from lookalike.search.refined import training_points

LISTS = Setting(None, 1, 1 << 20)
PROBES = Setting(16, 2, 1 << 20, at_query=True)
"""Two at least, so that a stored code on the border of two cells is found whichever side rounding puts it on."""
POINTS_A_CENTRE = 64
ROUNDS = 10
"""Codes for each centre that k-means learns from, and its rounds: FAISS's 256 and 25 take ten times as long, and hardly
find better cells."""


class IVFIndex(Index):
    """FAISS's inverted file of whole codes.

    Settings:
        lists: cells; by default 4 sqrt(N), each with 39 codes or more.
        probes: cells that a query looks through.
    """

    kind = "ivf"
    options: ClassVar[dict[str, Setting]] = {"lists": LISTS, "probes": PROBES}
    effort = "probes"

    @property
    def most_effort(self) -> int:
        """All cells: then nothing is missed."""
        return int(self._lists.nlist)

    @property
    def misses_nothing(self) -> bool:
        """Whether all cells are looked through."""
        return self.settings["probes"] >= self.most_effort

    def taught_by(self, count: int) -> int:
        """As many as k-means takes."""
        return POINTS_A_CENTRE * cell_count(self._given["lists"], count)

    def _learn(self, points: Floats, count: int) -> None:
        faiss = load_faiss()
        cells = self.settings["lists"] = cell_count(self.settings.get("lists"), count)
        self._quantizer = faiss.IndexFlatL2(points.shape[1])
        self._lists = faiss.IndexIVFFlat(self._quantizer, points.shape[1], cells)
        learn_cells(self._lists, points)

    def _extend(self, points: Floats) -> None:
        self._lists.add(points)

    def _keep(self, kept: Mask) -> None:
        self._lists.remove_ids(flat.selector(~kept))
        renumber(self._lists, kept)

    def _search(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        squared, rows = self._lists.search(points, k, params=probing(self.settings["probes"], self._lists))
        return squared, rows

    def _search_all(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        squared, rows = self._lists.search(points, k, params=probing(None, self._lists))
        return squared, rows

    def _state(self) -> store.Written:
        return {"lists": store.Serialised(self._lists)}

    def _restore(self, arrays: store.Arrays) -> None:
        self._lists = store.restored(arrays["lists"])


def cell_count(asked: int | None, points: int) -> int:
    """How many cells for so many points: as asked, else 4 sqrt(N); never more than can be learned.

    Source: FAISS's guidelines for choosing an index: 4 to 16 sqrt(N) cells, 39 training points for each or more.
    """
    if asked is not None:
        return min(asked, max(points, 1))
    return max(1, min(round(4 * math.sqrt(points)), points // 39))


def learn_cells(lists: Any, points: Floats, least: int = 1) -> None:
    """Learn an inverted file's cells, from `least` points or more."""
    ease(lists.cp)
    lists.train(training_points(points, max(least, lists.nlist)))


def ease(clustering: Any) -> None:
    """Let FAISS's k-means take less time, and learn from few points without a warning."""
    clustering.niter, clustering.max_points_per_centroid = ROUNDS, POINTS_A_CENTRE
    clustering.min_points_per_centroid = 1


def probing(probes: int | None, lists: Any) -> Any:
    """FAISS's parameters of a query that looks through so many cells, all where None."""
    faiss = load_faiss()
    return faiss.SearchParametersIVF(nprobe=lists.nlist if probes is None else min(probes, lists.nlist))


def renumber(lists: Any, kept: Mask) -> None:
    """Number the rows in an inverted file anew without gaps, after the rows that were not kept have left it."""
    faiss = load_faiss()
    fresh = np.cumsum(kept) - 1
    for cell in range(lists.nlist):
        size = lists.invlists.list_size(cell)
        if size:
            rows = faiss.rev_swig_ptr(lists.invlists.get_ids(cell), size)
            rows[:] = fresh[rows]
