"""Some pictures of a gallery that stand for all of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.gallery.gallery import Gallery
from lookalike.pixels import Floats

if TYPE_CHECKING:
    import pandas as pd

Ids = npt.NDArray[np.int64]

WAYS = ("diverse", "medoids", "far")
COMPARED = 5000
"""Pictures, drawn at random, that "diverse" covers; with n chosen of them, at least 20 n."""
TRIED = 2.3
"""Candidates of a step are this share of N / n: after n steps a point has been looked at 9 times in 10."""
_BLOCK = 4096


@dataclass(frozen=True)
class Subset:
    """Pictures that stand for a gallery.

    Attributes:
        names: in the order they were chosen, which for "far" and "diverse" makes each beginning a subset as well.
        by: how they were chosen.
        mean_distance, max_distance: from a picture of the gallery to the nearest that was chosen, in its metric.
    """

    names: list[str]
    by: str
    mean_distance: float
    max_distance: float

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dict(vars(self))

    def frame(self) -> pd.DataFrame:
        """A row for each, in order: name."""
        import pandas as pd

        return pd.DataFrame({"name": self.names})


def subset(gallery: Gallery, n: int, *, by: str = "diverse", seed: int = 0) -> Subset:
    """Choose pictures that stand for a gallery, by their codes in its metric.

    Args:
        gallery: whose pictures are chosen from.
        n: how many; all of them where there are no more.
        by: "far" takes the picture that is furthest from all chosen, again and again (Gonzalez, 1985): nothing is far
            from the subset, and what is odd comes first; "medoids" takes the pictures next to the means of k-means:
            typical ones; "diverse" takes what most shortens the distance to the nearest chosen, on average (facility
            location, greedily): typical ones first, then what is not stood for yet.
        seed: of the first picture of "far", the means' beginnings, and what "diverse" looks at.

    Raises:
        OptionError: n is below 1, or the way is unknown.
        GalleryError: the gallery holds no picture.
    """
    if n < 1:
        raise OptionError(f"n is {n}; choose 1 picture or more")
    if by not in WAYS:
        raise OptionError(f"a subset by {by!r} is unknown; give one of {', '.join(WAYS)}")
    snapshot = gallery.snapshot()
    view, metric = snapshot.view, snapshot.index.metric
    points = metric.transform(view.codes)
    generator = np.random.default_rng(seed)
    places = chosen(points, min(n, len(points)), by, generator)
    distances = metric.distances(nearest_squared(points, points[places]))
    names = [view.names[place] for place in places.tolist()]
    return Subset(names, by, float(distances.mean(dtype=np.float64)), float(distances.max()))


def chosen(points: Floats, n: int, by: str, generator: np.random.Generator) -> Ids:
    """Rows (n,) of points (N, K), all of them different; n is 1 to N."""
    ways = {"far": farthest, "medoids": medoids, "diverse": diverse}
    return ways[by](points, n, generator)


def farthest(points: Floats, n: int, generator: np.random.Generator) -> Ids:
    """Begin with the point nearest to the mean, go on with the one furthest from all chosen; equal ones last."""
    first = int(np.square(points - points.mean(axis=0)).sum(axis=1).argmin())
    picked = [first]
    squared = np.square(points - points[first]).sum(axis=1)
    squared[first] = -1
    while len(picked) < n:
        place = int(squared.argmax())
        picked.append(place)
        np.minimum(squared, np.square(points - points[place]).sum(axis=1), out=squared)
        squared[picked] = -1
    return np.array(picked, np.int64)


def medoids(points: Floats, n: int, generator: np.random.Generator) -> Ids:
    """Of each mean of k-means, begun by k-means++, its nearest point; further ones where means have no point."""
    from sklearn.cluster import MiniBatchKMeans

    different = np.unique(points, axis=0, return_index=True)[1]
    if len(different) <= n:
        return _filled(different, len(points), n)
    state = int(generator.integers(1 << 31))
    model = MiniBatchKMeans(n, random_state=state, batch_size=4096, n_init=1).fit(points)
    labels = model.labels_
    sizes = np.bincount(labels, minlength=n)
    means = np.zeros((n, points.shape[1]))
    np.add.at(means, labels, points)
    means /= np.maximum(sizes, 1)[:, None]
    squared = np.square(points - means[labels]).sum(axis=1)
    order = np.lexsort((squared, labels))
    first = np.unique(labels[order], return_index=True)[1]
    return _filled(order[first], len(points), n, by_size=sizes[labels[order[first]]])


def diverse(points: Floats, n: int, generator: np.random.Generator) -> Ids:
    """Greedy facility location over a sample, with the candidates of each step drawn (Mirzasoleiman et al., 2015)."""
    count = len(points)
    wanted = min(count, max(COMPARED, 20 * n))
    sample = points[np.sort(generator.choice(count, wanted, replace=False))]
    lengths = np.square(sample).sum(axis=1)
    farthest_of = _distances(sample, lengths, sample.mean(axis=0, keepdims=True))[:, 0]
    best = np.full(len(sample), 2 * float(farthest_of.max()) + 1e-6, np.float32)
    tried = min(count, max(int(TRIED * count / n), 64))
    free = np.ones(count, bool)
    picked = []
    for _ in range(n):
        left = np.flatnonzero(free)
        candidates = left if len(left) <= tried else np.sort(generator.choice(left, tried, replace=False))
        gains = np.concatenate(
            [
                np.maximum(
                    best[:, None] - _distances(sample, lengths, points[candidates[start : start + _BLOCK]]), 0
                ).sum(axis=0)
                for start in range(0, len(candidates), _BLOCK)
            ]
        )
        place = int(candidates[gains.argmax()])
        picked.append(place)
        free[place] = False
        np.minimum(best, _distances(sample, lengths, points[[place]])[:, 0], out=best)
    return np.array(picked, np.int64)


def nearest_squared(points: Floats, centres: Floats) -> Floats:
    """The squared distance of points (N, K) to the nearest of centres (n, K): (N,), exactly 0 for equal ones."""
    lengths = np.square(centres).sum(axis=1)
    found = np.empty(len(points), np.float32)
    for start in range(0, len(points), _BLOCK):
        part = points[start : start + _BLOCK]
        nearest = (lengths - 2 * part @ centres.T).argmin(axis=1)
        found[start : start + _BLOCK] = np.square(part - centres[nearest]).sum(axis=1)
    return found


def _distances(sample: Floats, lengths: Floats, points: Floats) -> Floats:
    """(S, K), their squared lengths (S,), (m, K) -> Euclidean distances (S, m)."""
    squared = lengths[:, None] + np.square(points).sum(axis=1) - 2 * sample @ points.T
    distances: Floats = np.sqrt(np.maximum(squared, 0))
    return distances


def _filled(places: Ids, count: int, n: int, by_size: Ids | None = None) -> Ids:
    """The first places, the largest clusters' first, and the next free ones where they are fewer than n."""
    ordered = places if by_size is None else places[np.argsort(-by_size, kind="stable")]
    free = np.setdiff1d(np.arange(count), ordered)
    return np.concatenate([ordered, free[: n - len(ordered)]]).astype(np.int64)[:n]
