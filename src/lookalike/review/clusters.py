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

SMALLEST, SAMPLES = 3, 2
"""Points of a cluster at least, and which other neighbour's distance tells how dense a point lies: chosen on a third of
LFW's people, and so that three of a kind among strangers are a cluster."""
NEIGHBOURS = 15
"""Of each point in the graph. LFW's clusters are the same with four times as many."""
PART = 0.1
"""Of all points, what a cluster within a cloud holds at most."""
GAP = 4.0
"""How many times longer steps between clusters are than within, where clusters are cut out of a whole."""
_VALUES = 1 << 22
"""Values of points that are in memory twice while steps are measured."""


def clusters(points: Floats, nearest: Nearest, smallest: int = SMALLEST) -> Ids:
    """Label points (n, K): (n,), 0 or more for those in a cluster, -1 for those in none.

    HDBSCAN (Campello, Moulavi and Sander, 2013) by excess of mass, scikit-learn's, on the graph of nearest neighbours
    with Euclidean distances. Parts of the graph that no neighbour joins are joined further away than anything. Where
    it takes all points for one cluster, what a gap divides from the others is one, such as copies among strangers; and
    without a gap, the denser places of the one cloud.
    """
    count = len(points)
    if count < smallest:
        return np.full(count, -1, np.int64)
    if (points == points[0]).all():
        return np.zeros(count, np.int64)
    graph = _graph(points, nearest, max(NEIGHBOURS, smallest))
    labels = _found(_beside_others(graph, smallest), smallest)[:count]
    if labels[0] < 0 or (labels != labels[0]).any():
        return np.unique(np.append(labels, -1), return_inverse=True)[1][:-1].astype(np.int64) - 1
    labels = _cut_at_gap(graph, smallest)
    if labels.max() >= 0:
        return labels
    return _found(graph, smallest, max_cluster_size=max(int(PART * count), smallest))


def _found(graph: Any, smallest: int, **how: Any) -> Ids:
    from sklearn.cluster import HDBSCAN

    model = HDBSCAN(min_cluster_size=smallest, min_samples=SAMPLES, metric="precomputed", copy=True, **how)
    labels: Ids = model.fit(graph).labels_.astype(np.int64)
    return np.maximum(labels, -1)


def _beside_others(graph: Any, smallest: int) -> Any:
    """The graph with a cluster of others far away: beside it HDBSCAN can say that all of its points are one."""
    from scipy import sparse

    count, others = graph.shape[0], max(smallest, SAMPLES + 1)
    far = 2 * float(graph.data.max())
    away = sparse.csr_matrix(far * (1 - np.eye(others)))
    ends = np.array([0, count])
    bridge = sparse.csr_matrix(([2 * far] * 2, (ends, ends[::-1])), (count + others,) * 2)
    return (sparse.block_diag([graph, away], "csr") + bridge).tocsr()


def _cut_at_gap(graph: Any, smallest: int) -> Ids:
    """Clusters whose steps are much smaller than any other step of the spanning tree; none where there is no gap."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

    tree = minimum_spanning_tree(graph).tocoo()
    order = np.argsort(tree.data, kind="stable")
    steps = tree.data[order]
    ratios = steps[1:] / steps[:-1]
    ratios[: smallest - 2] = 0
    labels = np.full(graph.shape[0], -1, np.int64)
    cut = int(ratios.argmax()) if len(ratios) else 0
    if not len(ratios) or ratios[cut] < GAP:
        return labels
    kept = order[: cut + 1]
    short = sparse.csr_matrix((tree.data[kept], (tree.row[kept], tree.col[kept])), graph.shape)
    pieces = connected_components(short, directed=False)[1]
    large = np.flatnonzero(np.bincount(pieces) >= smallest)
    for label, piece in enumerate(large.tolist()):
        labels[pieces == piece] = label
    return labels


def _graph(points: Floats, nearest: Nearest, neighbours: int) -> Any:
    """Distances to the nearest, symmetric, in one piece: a sparse matrix (n, n) of float64."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    count = len(points)
    starts, ends, lengths = [], [], []
    size = max(1, _VALUES // ((neighbours + 1) * points.shape[1]))
    for start in range(0, count, size):
        block = np.arange(start, min(start + size, count))
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
