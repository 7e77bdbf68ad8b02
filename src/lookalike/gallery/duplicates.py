"""Groups of near-duplicates: pairs within a threshold, joined, each group's medoid first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.gallery.view import Floats, Ids, View
from lookalike.search.index import Index

EXACT_UP_TO = 50_000
"""Points that are compared with all others; with more of them an index names the near ones."""
NEIGHBOURS = 16
_BLOCK = 2048
_MEDOID_BLOCK = 256
_MARGIN = 1e-5
"""Of the squared lengths: |a|^2 + |b|^2 - 2ab loses that much in float32, so near ones are computed again."""

Distances = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
Nearest = Callable[[Ids, int], tuple[Ids, npt.NDArray[Any]]]


class Duplicates(NamedTuple):
    """Groups of names, the largest first, each with its medoid first and the others by distance from it.

    `threshold` is the distance within which two pictures were joined, in the gallery's metric.
    """

    groups: list[list[str]]
    threshold: float


def find_duplicates(view: View, index: Index, threshold: float) -> Duplicates:
    """Groups of the view's pictures, joined by steps of at most `threshold` in the index's metric.

    Raises:
        OptionError: the threshold is negative.
    """
    if not threshold >= 0:
        raise OptionError(f"threshold is {threshold:g}; give a distance of 0 or more")
    distances = index.metric.distances
    points = index.metric.transform(view.codes)

    def nearest(places: Ids, k: int) -> tuple[Ids, Floats]:
        found = index.query(view.codes[places], k)
        return view.places_or_none(found.ids), found.distances

    if len(view.ids) <= EXACT_UP_TO:
        pairs = near_pairs(points, distances, threshold)
    else:
        pairs = near_pairs_by_index(nearest, len(view.ids), threshold)
    return Duplicates(grouped(points, view.names, pairs, distances), threshold)


def near_pairs(points: Floats, distances: Distances, threshold: float) -> Iterator[Ids]:
    """Pairs (n, 2) of places i < j of points at most `threshold` apart, block by block; exact."""
    lengths = np.einsum("nk,nk->n", points, points)
    for start in range(0, len(points), _BLOCK):
        rows = points[start : start + _BLOCK]
        for other in range(start, len(points), _BLOCK):
            columns = points[other : other + _BLOCK]
            sums = lengths[start : start + _BLOCK, None] + lengths[other : other + _BLOCK]
            squared = sums - 2 * (rows @ columns.T)
            margin = np.float32(_MARGIN) * sums
            i, j = np.nonzero(distances(np.maximum(squared - margin, 0)) <= threshold)
            i, j = i[i + start < j + other], j[i + start < j + other]
            is_sure = distances(np.maximum(squared[i, j] + margin[i, j], 0)) <= threshold
            pairs = np.stack([i + start, j + other], axis=1)
            yield pairs[is_sure]
            yield from _checked(points, pairs[~is_sure], distances, threshold)


def _checked(points: Floats, pairs: Ids, distances: Distances, threshold: float) -> Iterator[Ids]:
    """Those of the pairs that are within the threshold by their exact differences."""
    for start in range(0, len(pairs), _BLOCK):
        some = pairs[start : start + _BLOCK]
        difference = points[some[:, 0]].astype(np.float64) - points[some[:, 1]]
        yield some[distances(np.einsum("nk,nk->n", difference, difference)) <= threshold]


def near_pairs_by_index(nearest: Nearest, count: int, threshold: float) -> Iterator[Ids]:
    """As `near_pairs`, among what `nearest(places, k)` gives (places and distances, nearest first).

    Where even the last of k neighbours is within the threshold, more are asked for.
    """
    for start in range(0, count, _BLOCK):
        asked = np.arange(start, min(start + _BLOCK, count))
        k = min(NEIGHBOURS, count)
        while len(asked):
            places, apart = nearest(asked, k)
            is_near = (apart <= threshold) & (places >= 0)
            i, j = np.nonzero(is_near)
            yield np.stack([asked[i], places[i, j]], axis=1)[asked[i] != places[i, j]]
            asked = asked[is_near[:, -1]] if k < count else asked[:0]
            k = min(4 * k, count)


def grouped(points: Floats, names: Sequence[str], pairs: Iterator[Ids], distances: Distances) -> list[list[str]]:
    """Join pairs of places into groups of names; `pairs` may be many, only one block of them is held."""
    numbers = np.arange(len(points))
    for some in pairs:
        if len(some):
            numbers = _joined(numbers, some)
    order = np.argsort(numbers, kind="stable")
    _, starts = np.unique(numbers[order], return_index=True)
    groups = [_medoid_first(members, points, distances) for members in np.split(order, starts[1:]) if len(members) > 1]
    named = [[names[place] for place in group] for group in groups]
    return sorted(named, key=lambda group: (-len(group), group[0]))


def _joined(numbers: Ids, pairs: Ids) -> Ids:
    """Groups' numbers of all places, after the groups of each pair became one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = numbers[pairs]
    count = int(numbers.max()) + 1
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, merged = connected_components(graph, directed=False)
    result: Ids = merged[numbers].astype(np.int64)
    return result


def _medoid_first(members: Ids, points: Floats, distances: Distances) -> Ids:
    """The member with the least sum of distances to the others, then these by their distance from it."""
    own = points[members].astype(np.float64)
    lengths = np.einsum("nk,nk->n", own, own)
    sums = np.empty(len(members))
    for start in range(0, len(members), _MEDOID_BLOCK):
        some = own[start : start + _MEDOID_BLOCK]
        squared = np.maximum(lengths[start : start + _MEDOID_BLOCK, None] + lengths - 2 * some @ own.T, 0)
        squared[np.arange(len(some)), np.arange(start, start + len(some))] = 0
        sums[start : start + _MEDOID_BLOCK] = distances(squared).sum(axis=1)
    apart = np.square(own - own[np.argmin(sums)]).sum(axis=1)
    apart[np.argmin(sums)] = -1
    return members[np.argsort(apart, kind="stable")]
