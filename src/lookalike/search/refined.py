"""What the kinds share that find candidates by a rough distance and rank them by the true one."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.search import flat, store
from lookalike.search.base import Index
from lookalike.search.flat import load_faiss
from lookalike.search.lookup import Mask, Rows
from lookalike.search.metric import Floats


class RefinedIndex(Index):
    """An index over a rough structure of FAISS; the codes themselves are held beside it, for the true distances."""

    may_miss_itself = True

    def _refine(self, rough: Any) -> None:
        faiss = load_faiss()
        self._rough, self._both = rough, faiss.IndexRefineFlat(rough)
        self._flat = faiss.downcast_index(self._both.refine_index)

    def _extend(self, points: Floats) -> None:
        self._both.add(points)

    def _remove(self, kept: Mask) -> None:
        """Remove the other rows of both structures; FAISS leaves that to us."""
        gone = flat.selector(~kept)
        self._rough.remove_ids(gone)
        self._flat.remove_ids(gone)
        self._both.ntotal = self._flat.ntotal

    def _ranked(self, points: Floats, k: int, rough_settings: Any) -> tuple[Floats, Rows]:
        faiss = load_faiss()
        candidates = min(max(self.settings["candidates"], k), len(self))
        asked = faiss.IndexRefineSearchParameters(k_factor=candidates / k, base_index_params=rough_settings)
        squared, rows = self._both.search(points, k, params=asked)
        return squared, rows

    def _points(self, rows: Rows) -> Floats:
        return flat.points_of(self._flat)[rows]

    def _state(self) -> store.Written:
        return {"both": store.Serialised(self._both)}

    def _restore(self, arrays: store.Arrays) -> None:
        faiss = load_faiss()
        self._both = store.restored(arrays["both"])
        self._rough = faiss.downcast_index(self._both.base_index)
        self._flat = faiss.downcast_index(self._both.refine_index)


def training_points(points: Floats, least: int) -> Floats:
    """Points to learn from, the same ones again where there are fewer than FAISS takes; zeros where there are none."""
    if len(points) >= least:
        return points
    return (
        np.resize(points, (least, points.shape[1])) if len(points) else np.zeros((least, points.shape[1]), np.float32)
    )
