"""Which distance still means "the same": thresholds measured on pairs, instead of guessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.images import Pixels
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.copies import KINDS, copies_of
from lookalike.gallery.index import is_alike, wish_of
from lookalike.gallery.view import Floats, Ids, View

SAMPLE = 500
"""Pictures whose copies are made."""
MEDIAN_EVERY = 5
"""Of the sample every fifth picture is compared with all others: a median needs no more."""
ALL_PAIRS_UP_TO = 2_000_000
PAIRS_SAMPLED = 1_000_000
MATCHES_SAMPLED = 200_000
COPIES_KEPT = 0.99
"""The share of copies that duplicates' threshold is made for."""
_AT_ONCE = 1 << 22
"""Numbers of codes that are subtracted in one go."""

Encode = Callable[[Pixels], Floats]
Transform = Callable[[Floats], Floats]
Distances = Callable[[npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True)
class Threshold:
    """At most this far apart, two pictures count as a match.

    Attributes:
        distance: the threshold, in the gallery's metric; up to and including it is a match.
        false_match_rate: the share of pairs of different persons (or pictures) that lie within it, as measured.
        true_match_rate: the share of pairs of the same person (or of a picture and its copy) within it.
        basis: "people", or "copies" where no person is known to have two pictures.
        pairs, matches: how many pairs of each sort were measured.
        images: pictures in the gallery when it was measured.
    """

    distance: float
    false_match_rate: float
    true_match_rate: float
    basis: str
    pairs: int
    matches: int
    images: int

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


class Calibration:
    """What a calibration needs of a gallery: codes after the metric's transform, people, and how pictures encode."""

    def __init__(self, view: View, encode: Encode, transform: Transform, distances: Distances, seed: int) -> None:
        self.view = view
        self.encode = encode
        self.transform = transform
        self.distances = distances
        self.seed = seed
        self.points = transform(view.codes)

    def match(self, false_match_rate: float) -> Threshold:
        """The greatest distance within which at most that share of different pairs lies.

        Pairs of people where two are known or more, and someone has two pictures; else pairs of pictures, against
        copies. Pictures of the same pixels are no pair of different ones.

        Raises:
            OptionError: the rate is not between 0 and 1.
            GalleryError: there are fewer than two pictures that differ, or so many of different persons have the same
                code that no distance tells them apart.
        """
        if not 0 < false_match_rate < 1:
            raise OptionError(f"false-match rate is {false_match_rate:g}; give a share between 0 and 1, such as 0.01")
        self._need_two()
        people = self._people()
        same, others = same_pairs(people, self.seed), different_pairs(people, self.seed)
        basis = "people" if len(same) and len(others) else "copies"
        if basis == "copies":
            others = different_pairs(self.view.rows, self.seed)
        if not len(others):
            raise GalleryError("all pictures are the same one; a threshold is measured on pictures that differ")
        matches = self._between(same) if basis == "people" else self.copies().ravel()
        apart = np.sort(self._between(others))
        first_outside = apart[int(false_match_rate * len(apart))]
        if not first_outside > 0:
            raise GalleryError(
                f"{np.mean(apart <= 0):.1%} of pairs that should differ have one code, more than the "
                f"{false_match_rate:.1%} of false matches that are allowed; no distance tells matches here"
            )
        distance = float(np.nextafter(first_outside, -np.inf))
        if false_match_rate * len(apart) < 1:  # too few pairs to measure that share: no farther than matches reach
            distance = min(distance, float(matches.max()))
        return Threshold(
            distance,
            float(np.mean(apart <= distance)),
            float(np.mean(matches <= distance)),
            basis,
            len(apart),
            len(matches),
            len(self.view.ids),
        )

    def duplicate(self) -> Threshold:
        """The distance within which 99% of copies lie, bounded by half the way to the usual nearest other picture.

        The bound keeps different pictures apart where a model's codes move more under a slight change than they
        differ between pictures; `true_match_rate` then says how many copies are still found.

        Raises:
            GalleryError: there are fewer than two pictures.
        """
        self._need_two()
        copies = self.copies()
        distance = min(float(np.quantile(copies, COPIES_KEPT)), self._halfway())
        others = self._between(different_pairs(self.view.rows, self.seed))
        return Threshold(
            distance,
            float(np.mean(others <= distance)) if len(others) else 0.0,
            float(np.mean(copies <= distance)),
            "copies",
            len(others),
            copies.size,
            len(self.view.ids),
        )

    def copies(self) -> npt.NDArray[np.float64]:
        """Distances (n, kinds) of copies from the pictures they were made of, up to 500 pictures drawn by the seed."""
        places = self._sample()
        pictures = np.asarray(self.view.all_pixels[self.view.rows[places]])
        points = self.transform(self.encode(copies_of(pictures, self.seed)))
        return self._apart(np.repeat(self.points[places], len(KINDS), axis=0), points).reshape(-1, len(KINDS))

    def _halfway(self) -> float:
        """Half of the median distance, after the transform, to the nearest picture of other pixels."""
        nearest = []
        for place in self._sample()[::MEDIAN_EVERY]:
            others = self.points[self.view.rows != self.view.rows[place]]
            if len(others):
                nearest.append(float(np.square(others - self.points[place]).sum(axis=1).min()))
        return float(self.distances(np.array([np.median(nearest) / 4]))[0]) if nearest else float("inf")

    def _sample(self) -> Ids:
        count = len(self.view.ids)
        generator = np.random.default_rng(self.seed)
        return np.sort(generator.choice(count, min(count, SAMPLE), replace=False)).astype(np.int64)

    def _people(self) -> Ids:
        """A number for each item's person, -1 where nobody is known."""
        numbers: dict[str, int] = {}
        return np.array(
            [-1 if person is None else numbers.setdefault(person, len(numbers)) for person in self.view.people],
            np.int64,
        )

    def _between(self, pairs: Ids) -> npt.NDArray[np.float64]:
        step = max(1, _AT_ONCE // self.points.shape[1])
        parts = [
            self._apart(self.points[pairs[start : start + step, 0]], self.points[pairs[start : start + step, 1]])
            for start in range(0, len(pairs), step)
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def _apart(self, a: Floats, b: Floats) -> npt.NDArray[np.float64]:
        squared = np.square(a.astype(np.float64) - b).sum(axis=1)
        return np.asarray(self.distances(squared), np.float64)

    def _need_two(self) -> None:
        if len(self.view.ids) < 2:
            raise GalleryError(f"the gallery holds {len(self.view.ids)} pictures; a threshold is measured on 2 or more")


def kept_threshold(catalog: Catalog, key: str, images: int) -> Threshold | None:
    """What was measured under this key; None where the gallery has changed much since, or searches otherwise."""
    kept = catalog.fact(f"threshold:{key}")
    if kept is None or kept["metric"] != wish_of(catalog).metric or not is_alike(kept["images"], images):
        return None
    return Threshold(**{name: value for name, value in kept.items() if name != "metric"})


def keep_threshold(catalog: Catalog, key: str, threshold: Threshold) -> None:
    """Keep a threshold under this key, with the gallery."""
    with catalog.transaction():
        catalog.set_fact(f"threshold:{key}", {**threshold.as_json(), "metric": wish_of(catalog).metric})


def same_pairs(groups: Ids, seed: int) -> Ids:
    """Pairs (n, 2) of places of the same group, those of group -1 left out; a sample where there are very many."""
    order = np.argsort(groups, kind="stable")
    order = order[groups[order] >= 0]
    _, starts = np.unique(groups[order], return_index=True)
    parts = []
    for members in np.split(order, starts[1:]):
        a, b = np.triu_indices(min(len(members), _LARGEST_GROUP), 1)
        parts.append(np.stack([members[a], members[b]], axis=1))
    pairs = np.concatenate(parts) if parts else np.empty((0, 2), np.int64)
    if len(pairs) > MATCHES_SAMPLED:
        pairs = pairs[np.random.default_rng(seed).choice(len(pairs), MATCHES_SAMPLED, replace=False)]
    return pairs.astype(np.int64)


_LARGEST_GROUP = 1000
"""Members of one group that are paired: half a million pairs."""


def different_pairs(groups: Ids, seed: int) -> Ids:
    """Pairs (n, 2) of places of different groups, those of group -1 left out: all, or a sample of a million."""
    known = np.flatnonzero(groups >= 0)
    count = len(known)
    if count * (count - 1) // 2 <= ALL_PAIRS_UP_TO:
        a, b = np.triu_indices(count, 1)
    else:
        a, b = np.random.default_rng(seed).integers(0, count, (2, PAIRS_SAMPLED))
    a, b = known[a], known[b]
    is_other = groups[a] != groups[b]
    return np.stack([a[is_other], b[is_other]], axis=1).astype(np.int64)
