"""A graph of near codes, on which a query walks from neighbour to neighbour."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from lookalike.search import flat, store
from lookalike.search.base import Index, Setting
from lookalike.search.flat import load_faiss
from lookalike.search.lookup import Mask, Rows
from lookalike.search.metric import Floats

MOST_DEAD = 0.2
"""Share of removed codes in the graph from which on it is built anew: they cost every walk its steps."""


class HNSWIndex(Index):
    """FAISS's hierarchical navigable small world, over whole codes.

    A graph cannot lose a code without losing ways, so a removed one stays as a way that is never an answer, until
    too many are such and the graph is built anew from the living.

    Source: Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical
    navigable small world graphs", 2016.

    Settings:
        links: neighbours that a code is linked with on each level (M); twice as many on the lowest.
        ef_construction: candidates that are looked at while a code is linked in.
        ef_search: candidates that a query keeps on its walk.
    """

    kind = "hnsw"
    options: ClassVar[dict[str, Setting]] = {
        "links": Setting(16, 2, 512),
        "ef_construction": Setting(40, 1, 1 << 16),
        "ef_search": Setting(64, 1, 1 << 20, at_query=True),
    }
    effort = "ef_search"
    links_codes = True
    may_miss_itself = True

    @property
    def most_effort(self) -> int:
        """As many candidates as there are codes, up to where exact search is faster for sure."""
        return max(min(len(self), 1 << 13), 1)

    @property
    def misses_nothing(self) -> bool:
        """Whether all codes are candidates, which is then answered by comparing them all."""
        return self.settings["ef_search"] >= len(self)

    def _learn(self, points: Floats, count: int) -> None:
        faiss = load_faiss()
        self._graph = faiss.IndexHNSWFlat(points.shape[1], self.settings["links"])
        self._graph.hnsw.efConstruction = self.settings["ef_construction"]
        self._row_of: Rows | None = None  # of each code in the graph, -1 of a removed one; None: all are their own rows
        self._flat = faiss.downcast_index(self._graph.storage)

    def _extend(self, points: Floats) -> None:
        if self._row_of is not None:
            first = len(self._labels)
            self._row_of = np.concatenate([self._row_of, np.arange(first, first + len(points))])
        self._graph.add(points)
        self._count()

    def _keep(self, kept: Mask) -> None:
        fresh = np.where(kept, np.cumsum(kept) - 1, -1)
        if self._row_of is None:
            self._row_of = fresh
        else:
            self._row_of[self._row_of >= 0] = fresh
        if kept.sum() < (1 - MOST_DEAD) * self._graph.ntotal:
            living = flat.points_of(self._flat)[self._row_of >= 0]
            self._learn(living, len(living))
            self._graph.add(living)
        self._count()

    def _search(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        if self.misses_nothing:
            return self._search_all(points, k)
        asked = load_faiss().SearchParametersHNSW(efSearch=self.settings["ef_search"])
        if self._row_of is not None:
            asked.sel = self._living
        squared, labels = self._graph.search(points, k, params=asked)
        return squared, self._rows(labels)

    def _search_all(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        living = None if self._row_of is None else self._row_of >= 0
        squared, labels = flat.by_differences(self._flat, points, k, living)
        return squared, self._rows(labels)

    def _rows(self, labels: Rows) -> Rows:
        return labels if self._row_of is None else np.where(labels < 0, -1, self._row_of[labels])

    def _points(self, rows: Rows) -> Floats:
        return flat.points_of(self._flat)[rows if self._row_of is None else self._labels[rows]]

    def _count(self) -> None:
        """Note, after a change, which codes of the graph are living."""
        if self._row_of is not None:
            self._labels = np.flatnonzero(self._row_of >= 0)
            self._living = flat.selector(self._row_of >= 0)

    def _state(self) -> store.Written:
        rows = {} if self._row_of is None else {"row_of": self._row_of}
        return {"graph": store.Serialised(self._graph), **rows}

    def _restore(self, arrays: store.Arrays) -> None:
        self._graph = store.restored(arrays["graph"])
        self._flat = load_faiss().downcast_index(self._graph.storage)
        rows = arrays.get("row_of")
        self._row_of = None if rows is None else np.array(rows)
        self._count()
