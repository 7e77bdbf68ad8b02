"""An index is asked what exact search has answered already: its recall, with its sampling error, and its speed."""

from __future__ import annotations

import math
import time
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lookalike.search.base import Index, Neighbours
from lookalike.search.exact import Scan
from lookalike.search.inputs import Ids, as_codes
from lookalike.search.metric import Floats

CONFIDENCE = 2.33
"""Standard errors that the recall's lower bound lies below the mean: one-sided 99%. Less would do for one setting, but
the least of many that pass is taken, which favours luck."""
TIE = 1e-6
"""Relative difference of distances below which two neighbours are equally near: a few roundings of float32."""
LONG = 0.5
"""Seconds of a batch that need no second timing to be trusted."""
ALONE = 50
ALONE_FOR = 0.2
"""Queries that are asked one by one, and seconds after which no further one is."""


class Recall(NamedTuple):
    """Mean recall@k, and the lower end of its one-sided 99% interval."""

    mean: float
    at_least: float


class Examination:
    """Queries with their true neighbours among codes, in one metric.

    Args:
        exact: gives the true neighbours.
        queries: (Q, K).
        k: neighbours of each.
        own: ids (Q,) of the items that the queries are, where they are held: each is left out of what its query finds.

    Attributes:
        exact: as given.
        seconds: what finding the true neighbours took.
    """

    def __init__(self, exact: Index | Scan, queries: npt.ArrayLike, k: int, own: Ids | None = None) -> None:
        self.exact = exact
        self.queries: Floats = as_codes(queries)
        self.own = own
        self.k = max(1, min(k, len(exact) - (own is not None)))
        started = time.perf_counter()
        self.true = self._asked(exact)
        self.seconds = time.perf_counter() - started

    @classmethod
    def like(
        cls, index: Index, codes: Floats, ids: Ids, queries: npt.ArrayLike, k: int, own: Ids | None = None
    ) -> Self:
        """Over `codes`, in the metric that `index` has learned."""
        return cls(Scan(index.metric, codes, ids), queries, k, own)

    def shares(self, index: Index) -> npt.NDArray[np.float64]:
        """Share of the k true neighbours that each query finds: float64 (Q,).

        Of several items that are equally far, any counts; items that are not among the codes never do.
        """
        return self._shares(self._asked(index))

    def ask(self, index: Index, promised: float) -> tuple[Recall, float]:
        """The index's recall, judged with the margin that a promise of `promised` asks for, and seconds of the batch.

        The exact index that gave the truth is not asked again: on large sets that would take longer than all else.
        """
        if index is self.exact:
            return Recall(1.0, 1.0), self.seconds
        started = time.perf_counter()
        found = self._asked(index)
        seconds = time.perf_counter() - started
        recall = judged(self._shares(found), promised, self.k)
        if index.misses_nothing:  # then there is nothing that a sample could hide
            recall = Recall(recall.mean, recall.mean)
        return recall, seconds if seconds > LONG else min(seconds, self.seconds_of(index))

    def _asked(self, index: Index | Scan) -> Neighbours:
        """The k nearest that are not the queries themselves."""
        if self.own is None:
            return index.query(self.queries, self.k)
        found = index.query(self.queries, self.k + 1)
        others = found.ids != self.own[:, None]
        others[others.all(axis=1), -1] = False  # the index missed it
        shape = len(self.queries), self.k
        return Neighbours(found.ids[others].reshape(shape), found.distances[others].reshape(shape))

    def _shares(self, found: Neighbours) -> npt.NDArray[np.float64]:
        reach = self.true.distances[:, -1:]
        hits = (found.ids[:, :, None] == self.true.ids[:, None, :]).any(axis=2)
        tied = ~hits & (found.distances <= reach * np.float32(1 + TIE))
        if tied.any():
            hits[tied] = np.isin(found.ids[tied], self.exact.ids)
        shares: npt.NDArray[np.float64] = hits.mean(axis=1)
        return shares

    def seconds_of(self, index: Index, rounds: int = 1) -> float:
        """Median time in which all queries are answered as one batch."""
        taken = []
        for _ in range(rounds):
            started = time.perf_counter()
            index.query(self.queries, self.k)
            taken.append(time.perf_counter() - started)
        return float(np.median(taken))

    def milliseconds_alone(self, index: Index) -> float:
        """Median time of a query that is asked alone."""
        taken = []
        for query in self.queries[:ALONE]:
            started = time.perf_counter()
            index.query(query, self.k)
            taken.append(time.perf_counter() - started)
            if sum(taken) > ALONE_FOR:
                break
        return 1000 * float(np.median(taken))


def judged(shares: npt.NDArray[np.float64], promised: float, k: int) -> Recall:
    """Mean of the shares that were found, and its lower bound for the sampling of the queries.

    The bound is the normal one. The variance is taken as no less than that of k independent neighbours found with the
    promised chance, so that a handful of queries that all went well proves little.
    """
    mean = float(shares.mean())
    variance = max(float(shares.var()), promised * (1 - promised) / k)
    return Recall(mean, mean - CONFIDENCE * math.sqrt(variance / len(shares)))
