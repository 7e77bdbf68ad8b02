"""Clusters of points without parameters to set: HDBSCAN over each point's nearest neighbours instead of all pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.pixels import Floats

Ids = npt.NDArray[np.int64]
Nearest = Callable[[int, int, int], Ids]
"""Rows of the k nearest of each point from one row to before another, it among them or not: (n, k), -1 for none."""

SMALLEST = 3
"""Points of a cluster at least, and neighbours that tell how dense a point lies: chosen on a third of LFW's people."""
NEIGHBOURS = 15
"""Of each point in the graph. LFW's clusters are the same with four times as many."""
_BLOCK = 1 << 14


def clusters(points: Floats, nearest: Nearest, smallest: int = SMALLEST) -> Ids:
    """Label points (n, K): (n,), 0 or more for those in a cluster, -1 for those in none.

    HDBSCAN (Campello, Moulavi and Sander, 2013) by excess of mass, scikit-learn's, on the graph of nearest neighbours
    with Euclidean distances; parts of the graph that no neighbour joins are joined further away than anything.
    """
    from sklearn.cluster import HDBSCAN

    count = len(points)
    labels = np.full(count, -1, np.int64)
    if count < smallest:
        return labels
    if (points == points[0]).all():  # nothing but one place: HDBSCAN knows no cluster of everything
        return np.zeros(count, np.int64)
    graph = _graph(points, nearest, max(NEIGHBOURS, smallest))
    model = HDBSCAN(min_cluster_size=smallest, min_samples=smallest, metric="precomputed", copy=False)
    found: Ids = model.fit(graph).labels_.astype(np.int64)
    return np.maximum(found, -1)


def _graph(points: Floats, nearest: Nearest, neighbours: int) -> Any:
    """Distances to the nearest, symmetric, in one piece: a sparse matrix (n, n) of float64."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    count = len(points)
    starts, ends, lengths = [], [], []
    for start in range(0, count, _BLOCK):
        block = np.arange(start, min(start + _BLOCK, count))
        found = nearest(start, start + len(block), min(neighbours + 1, count))
        rows = np.repeat(block, found.shape[1])
        others = found.ravel()
        kept = (others >= 0) & (others != rows)
        rows, others = rows[kept], others[kept]
        starts.append(rows)
        ends.append(others)
        lengths.append(np.sqrt(np.square(points[rows] - points[others]).sum(axis=1, dtype=np.float64)))
    a, b, far = np.concatenate(starts), np.concatenate(ends), np.concatenate(lengths)
    largest = float(far.max(initial=0.0)) or 1.0
    far = np.maximum(far, 1e-9 * largest)  # a stored zero would be no edge
    graph = sparse.csr_matrix((far, (a, b)), (count, count))
    graph = graph.maximum(graph.T)
    pieces, piece = connected_components(graph, directed=False)
    if pieces > 1:
        firsts = np.unique(piece, return_index=True)[1]
        joined = sparse.csr_matrix((np.full(pieces - 1, 2 * largest), (firsts[:-1], firsts[1:])), (count, count))
        graph = graph + joined + joined.T
    return graph.tocsr()
