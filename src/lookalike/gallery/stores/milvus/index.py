"""Indexes of points that Milvus holds and searches, under the contract of all indexes.

What an index has in hand beside Milvus's points are ids, fingerprints, and *loose* points: those that were added and
are not in Milvus yet. A query asks Milvus, passes over what it finds there that is not held (any more), and compares
the loose points one by one. So a reader may follow the catalog without writing to what others search, and what a cut
off update has left in Milvus is found by nobody. `settle` brings the loose points there.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from lookalike.errors import SearchError
from lookalike.gallery.stores.milvus.collections import MOST, Collections
from lookalike.pixels import Floats
from lookalike.search import flat, store
from lookalike.search.base import Index, Setting
from lookalike.search.flat import SPARE, load_faiss
from lookalike.search.inputs import Ids
from lookalike.search.ivf import LISTS, PROBES, cell_count
from lookalike.search.lookup import Mask, Rows, fingerprints
from lookalike.search.metric import Metric

BLOCK = 1 << 14
"""Points that are fetched at once where all are compared."""


class MilvusIndex(Index):
    """What the kinds share: they differ in the index that Milvus builds, and in how a query is asked.

    Args:
        collections: of the gallery.
        metric, settings: as of every index.
    """

    may_miss_itself = True
    milvus_kind: ClassVar[str]

    def __init__(self, collections: Collections, metric: str = "euclidean", **settings: int | None) -> None:
        super().__init__(metric, **settings)
        self.collections = collections
        self._sent: Mask = np.empty(0, np.bool_)  # by row: whether Milvus has the point
        self._prints: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._gone: Ids = np.empty(0, np.int64)  # what Milvus has and the index does not hold any more
        self._loose: Any = None  # FAISS's flat index of the points that are not sent, in the order of their rows

    @property
    def misses_nothing(self) -> bool:
        """Whether every point is compared."""
        return False

    def _made_with(self, count: int) -> dict[str, int]:
        """Milvus's settings of an index over `count` points."""
        return {}

    def _asked_with(self, limit: int) -> dict[str, int]:
        """Milvus's settings of a query for `limit` points."""
        return {}

    def _asked_all(self, limit: int) -> dict[str, int]:
        """The same for the most thorough query."""
        return self._asked_with(limit)

    def hold(self, metric: Metric, codes: npt.ArrayLike, ids: npt.ArrayLike | None = None) -> MilvusIndex:
        """As every index; the points are in Milvus afterwards, in a collection of their own."""
        super().hold(metric, codes, ids)
        self._send()
        self.collections.take_in(self._place)
        return self

    def settle(self) -> None:
        """Bring loose points to Milvus, and take out of it what is not held any more."""
        if self._loose is not None and (self._loose.ntotal or len(self._gone)):
            self._send()
            self.collections.keep(self._place)

    def _send(self) -> None:
        assert self._width is not None
        if self.held_in is None:
            self.held_in = f"points_{secrets.token_hex(4)}"
            made_with = self._made_with(len(self))
            self.collections.create(self.held_in, self._width, self.milvus_kind, made_with, up_to_date=False)
        self.collections.upsert(self.held_in, self._ids[~self._sent], flat.points_of(self._loose))
        self.collections.delete(self.held_in, self._gone)
        self.collections.caught_up(self.held_in)
        self._sent[:] = True
        self._gone = np.empty(0, np.int64)
        self._loose.reset()

    def save(self, folder: str | Path) -> None:
        """Settle, and write what the index has in hand into the folder."""
        self.settle()
        super().save(folder)

    def _learn(self, points: Floats, count: int) -> None:
        self.held_in = None
        self._sent = np.empty(0, np.bool_)
        self._prints = np.empty(0, np.uint64)
        self._gone = np.empty(0, np.int64)
        self._loose = load_faiss().IndexFlatL2(points.shape[1])

    def _extend(self, points: Floats) -> None:
        self._loose.add(points)
        self._sent = np.concatenate([self._sent, np.zeros(len(points), np.bool_)])
        self._prints = np.concatenate([self._prints, fingerprints(points)])

    def _keep(self, kept: Mask) -> None:
        self._loose.remove_ids(flat.selector(~kept[~self._sent]))
        self._gone = np.concatenate([self._gone, self._ids[~kept & self._sent]])
        self._sent, self._prints = self._sent[kept], self._prints[kept]

    def _search(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        wanted = k + (SPARE if self.misses_nothing else 0)  # Milvus rounds, where it compares all
        limit = min(wanted + min(len(self._gone), wanted), MOST)
        if wanted > MOST:
            return self._search_all(points, k)
        return self._found(points, k, limit, self._asked_with(limit))

    def _search_all(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        """The most thorough query; where it gives too few, as where many are asked for, all points are compared."""
        squared = np.full((len(points), k), np.inf, np.float32)
        rows = np.full((len(points), k), -1, np.int64)
        limit = min(2 * (k + SPARE) + len(self._gone), MOST)
        if limit >= k:
            squared, rows = self._found(points, k, limit, self._asked_all(limit))
        short = rows[:, -1] < 0
        if short.any():
            squared[short], rows[short] = self._compared(points[short], k)
        return squared, rows

    def _found(self, points: Floats, k: int, limit: int, params: dict[str, int]) -> tuple[Floats, Rows]:
        """The nearest of what Milvus finds, as far as it is held, and of the loose points."""
        squared = np.full((len(points), k), np.inf, np.float32)  # so that there are k columns
        rows = np.full((len(points), k), -1, np.int64)
        if self._sent.any():
            apart, ids = self.collections.nearest(self._place, points, limit, params)
            at = self._by_id.find(ids.ravel()).reshape(ids.shape)
            at[(at >= 0) & ~self._sent[at]] = -1  # sent meanwhile by who updates: it is among the loose ones here
            squared, rows = np.hstack([squared, np.where(at < 0, np.inf, apart)]), np.hstack([rows, at])
        if self._loose.ntotal:
            apart, at = flat.nearest(self._loose, points, min(k, self._loose.ntotal))
            squared, rows = np.hstack([squared, apart]), np.hstack([rows, np.flatnonzero(~self._sent)[at]])
        order = np.argsort(squared, axis=1, kind="stable")[:, :k]
        squared, rows = np.take_along_axis(squared, order, axis=1), np.take_along_axis(rows, order, axis=1)
        return np.ascontiguousarray(squared, np.float32), np.ascontiguousarray(rows)

    def _compared(self, points: Floats, k: int) -> tuple[Floats, Rows]:
        """All points one by one, fetched block by block."""
        whole = load_faiss().IndexFlatL2(points.shape[1])
        for start in range(0, len(self), BLOCK):
            whole.add(self._points(np.arange(start, min(start + BLOCK, len(self)))))
        return flat.nearest(whole, points, k)

    def _points(self, rows: Rows) -> Floats:
        found = np.empty((len(rows), self._fitted_width()), np.float32)
        sent = self._sent[rows]
        if sent.any():
            found[sent] = self.collections.vectors(self._place, self._ids[rows[sent]], found.shape[1])
        if not sent.all():
            found[~sent] = flat.points_of(self._loose)[np.searchsorted(np.flatnonzero(~self._sent), rows[~sent])]
        return found

    def _fingerprints(self) -> npt.NDArray[np.uint64]:
        return self._prints

    @property
    def _place(self) -> str:
        assert self.held_in is not None
        return self.held_in

    def _state(self) -> store.Written:
        return {"prints": self._prints}

    def _restore(self, arrays: store.Arrays) -> None:
        if self.held_in is None or not self.collections.has(self.held_in):
            raise SearchError(f"Milvus at {self.collections.opened} has no collection {self.held_in} of this gallery")
        self._prints = arrays["prints"]
        self._sent = np.ones(len(self._prints), np.bool_)
        self._loose = load_faiss().IndexFlatL2(self._fitted_width())


class FlatInMilvus(MilvusIndex):
    """Every point is compared, in Milvus."""

    kind = "exact"
    milvus_kind = "FLAT"

    @property
    def misses_nothing(self) -> bool:
        """Always."""
        return True


class GraphInMilvus(MilvusIndex):
    """Milvus's graph of near points; the settings are those of the kind in memory."""

    kind = "hnsw"
    milvus_kind = "HNSW"
    options: ClassVar[dict[str, Setting]] = {
        "links": Setting(16, 2, 512),
        "ef_construction": Setting(40, 1, 1 << 16),
        "ef_search": Setting(64, 1, 1 << 15, at_query=True),
    }
    effort = "ef_search"
    links_codes = True

    @property
    def most_effort(self) -> int:
        """As many candidates as there are points, up to where Milvus takes no more."""
        return max(min(len(self), 1 << 13), 1)

    def _made_with(self, count: int) -> dict[str, int]:
        return {"M": self.settings["links"], "efConstruction": self.settings["ef_construction"]}

    def _asked_with(self, limit: int) -> dict[str, int]:
        return {"ef": max(self.settings["ef_search"], limit)}

    def _asked_all(self, limit: int) -> dict[str, int]:
        return {"ef": max(self.most_effort, limit)}


class CellsInMilvus(MilvusIndex):
    """Milvus's inverted lists of whole points; the settings are those of the kind in memory."""

    kind = "ivf"
    milvus_kind = "IVF_FLAT"
    options: ClassVar[dict[str, Setting]] = {"lists": LISTS, "probes": PROBES}
    effort = "probes"

    @property
    def most_effort(self) -> int:
        """All cells."""
        return self.settings["lists"]

    @property
    def misses_nothing(self) -> bool:
        """Whether all cells are looked through."""
        return self.settings["probes"] >= self.settings["lists"]

    def _made_with(self, count: int) -> dict[str, int]:
        self.settings["lists"] = min(cell_count(self._given["lists"], count), 1 << 16)
        return {"nlist": self.settings["lists"]}

    def _asked_with(self, limit: int) -> dict[str, int]:
        return {"nprobe": min(self.settings["probes"], self.settings["lists"])}

    def _asked_all(self, limit: int) -> dict[str, int]:
        return {"nprobe": self.settings["lists"]}


KINDS: tuple[type[MilvusIndex], ...] = (FlatInMilvus, GraphInMilvus, CellsInMilvus)
