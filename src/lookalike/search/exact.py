"""Every code is compared: recall 1, and the fastest on small sets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.search import flat, store
from lookalike.search.base import Index, Neighbours, blocks
from lookalike.search.flat import load_faiss
from lookalike.search.inputs import Ids
from lookalike.search.lookup import Mask, Rows
from lookalike.search.metric import Floats, Metric


class ExactIndex(Index):
    """FAISS's flat index: the true neighbours, always."""

    kind = "exact"

    @property
    def misses_nothing(self) -> bool:
        """Always."""
        return True

    def _learn(self, points: Floats, count: int) -> None:
        self._flat = load_faiss().IndexFlatL2(points.shape[1])

    def _extend(self, points: Floats) -> None:
        self._flat.add(points)

    def _keep(self, kept: Mask) -> None:
        self._flat.remove_ids(flat.selector(~kept))

    def _search(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        return flat.nearest(self._flat, points, k)

    def _state(self) -> store.Written:
        return {"flat": store.Serialised(self._flat)}

    def _restore(self, arrays: store.Arrays) -> None:
        self._flat = store.restored(arrays["flat"])


class Scan:
    """Exact search over codes where they lie, a block of them after the other: what it holds does not grow with them.

    Attributes:
        ids: of the codes.
    """

    def __init__(self, metric: Metric, codes: Floats, ids: Ids) -> None:
        self.metric = metric
        self.codes = codes
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def query(self, codes: npt.ArrayLike, k: int) -> Neighbours:
        """As of an index."""
        found: Neighbours | None = None
        for block in blocks(len(self)):
            held = ExactIndex(self.metric.name).hold(self.metric, self.codes[block], self.ids[block])
            part = held.query(codes, k)
            found = part if found is None else _nearest(found, part, k)
        assert found is not None
        return found


def _nearest(one: Neighbours, other: Neighbours, k: int) -> Neighbours:
    """The k nearest of both."""
    ids, distances = np.hstack([one.ids, other.ids]), np.hstack([one.distances, other.distances])
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Neighbours(np.take_along_axis(ids, order, axis=1), np.take_along_axis(distances, order, axis=1))
