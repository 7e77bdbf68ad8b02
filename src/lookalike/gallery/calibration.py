"""Which distance still means "the same": thresholds measured on pairs, instead of guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.data.images import Pixels
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.copies import KINDS, STRONG_KINDS, Change, copies_of, saved_again
from lookalike.gallery.index import is_alike, wish_of
from lookalike.gallery.view import Floats, Ids, View

SAMPLE = 500
"""Pictures that are searched for, or whose copies are made."""
NEAREST_MET = 64
"""Other pictures that are kept of what a search meets; the rate asked for is below one."""
LEAST_CORRELATION = 0.9
"""Of the pixels of two pictures, below which they are different ones, however little is left of copies."""
ROUNDING = 1e-6
"""Of a distance: searches give float32, so that a threshold stays that much below what lies outside."""
LEAST_FOUND = 0.01
"""Share of true matches; a line that finds less of them is not drawn."""
FALSE_DUPLICATES = 0.01
"""Other pictures that codes alone may call a duplicate, in each search."""
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
        distance: the threshold, in the gallery's metric; up to and including it is a match. None where codes cannot
            tell: at the rate that was asked for they find less than 1% of the true matches.
        false_matches: how many false matches a search over the whole gallery meets within it, on average, as measured.
        false_match_rate: the same as a share of pairs of different persons (or pictures).
        true_match_rate: the share of pairs of the same person (or of a picture and its copy) within it.
        basis: "people", or "copies" where no person is known to have two pictures.
        pairs, matches: how many pairs of each sort were measured.
        images: pictures in the gallery when it was measured.
    """

    distance: float | None
    false_matches: float
    false_match_rate: float
    true_match_rate: float
    basis: str
    pairs: int
    matches: int
    images: int

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def covers(self, distance: float) -> bool | None:
        """Whether pictures that far apart are a match; None where codes cannot tell."""
        return None if self.distance is None else distance <= self.distance


@dataclass(frozen=True)
class Met:
    """What searches met of other pictures.

    Attributes:
        apart: distances of the nearest of them, rising.
        searches: pictures that were searched for.
        pairs: all pictures that they were compared with.
        scale: pictures of the gallery for each of which it is known what it is.
    """

    apart: npt.NDArray[np.float64]
    searches: int
    pairs: int
    scale: float

    def within(self, distance: float) -> int:
        """How many lie within a distance."""
        return int(np.searchsorted(self.apart, distance, side="right"))

    def reach(self, false_matches: float, farthest: float) -> float | None:
        """The greatest distance with at most that many a search; None where there is none.

        Where the searches are too few to measure the rate, no farther than matches reach.
        """
        allowed = false_matches * self.searches / self.scale
        if allowed >= len(self.apart):
            return farthest
        first_outside = self.apart[int(allowed)]
        if not first_outside > 0:
            return None
        distance = float(first_outside) * (1 - ROUNDING)
        return min(distance, farthest) if allowed < 1 else distance


class Calibration:
    """What a calibration needs of a gallery: codes after the metric's transform, people, and how pictures encode."""

    def __init__(self, view: View, encode: Encode, transform: Transform, distances: Distances, seed: int) -> None:
        self.view = view
        self.encode = encode
        self.transform = transform
        self.distances = distances
        self.seed = seed
        self.points = transform(view.codes)

    def match(self, false_matches: float) -> Threshold:
        """The greatest distance within which a search meets at most so many false matches, on average.

        Up to 500 pictures are searched for among all. False is another person where two are known or more, and someone
        has two pictures; else another picture, and true a changed copy. Pictures of the same pixels are no different
        ones, nor, where nobody is known, are those whose stored pixels show that one is a copy of the other.

        Raises:
            OptionError: the number is not between 0 and 1.
            GalleryError: there are fewer than two pictures that differ.
        """
        if not 0 < false_matches < 1:
            raise OptionError(
                f"false matches are {false_matches:g} a search; give a number above 0 and below 1, such as 0.1"
            )
        self._need_two()
        people = self._people()
        same = same_pairs(people, self.seed)
        is_people = len(same) > 0 and len(np.unique(people[people >= 0])) > 1
        others = self._met(people, keep_copies=True) if is_people else self._met(self.view.rows, keep_copies=False)
        if not others.pairs:
            raise GalleryError("all pictures are the same one; a threshold is measured on pictures that differ")
        matches = self._between(same) if is_people else self.copies().ravel()
        distance = others.reach(false_matches, float(matches.max()))
        found = 0.0 if distance is None else float(np.mean(matches <= distance))
        if found < LEAST_FOUND:
            distance, found = None, 0.0
        basis = "people" if is_people else "copies"
        return self._threshold(distance, others, found, basis, len(matches))

    def duplicate(self) -> Threshold:
        """The distance within which codes alone call pictures near-duplicates.

        That of `copy`, or nearer, where more than one search in a hundred would meet another picture within it: a
        model's codes may move more under a slight change than they differ between pictures. `true_match_rate` then says
        how many copies are still found.

        Raises:
            GalleryError: there are fewer than two pictures.
        """
        copies = self.copies()
        farthest = float(np.quantile(copies, COPIES_KEPT))
        others = self._met(self.view.rows, keep_copies=False)
        bound = others.reach(FALSE_DUPLICATES, farthest) if others.pairs else farthest
        distance = min(farthest, bound or 0.0)
        return self._threshold(distance, others, float(np.mean(copies <= distance)), "copies", copies.size)

    def copy(self) -> Threshold:
        """The distance within which 99% of changed copies lie: how far copies are to be looked for.

        Raises:
            GalleryError: there are fewer than two pictures.
        """
        copies = self.copies(STRONG_KINDS)
        distance = float(np.quantile(copies, COPIES_KEPT))
        others = self._met(self.view.rows, keep_copies=False)
        return self._threshold(distance, others, float(np.mean(copies <= distance)), "copies", copies.size)

    def _threshold(self, distance: float | None, others: Met, found: float, basis: str, matches: int) -> Threshold:
        within = 0 if distance is None else others.within(distance)
        share = within / others.pairs if others.pairs else 0.0
        a_search = within / others.searches * others.scale if others.searches else 0.0
        return Threshold(distance, a_search, share, found, basis, others.pairs, matches, len(self.view.ids))

    def _met(self, groups: Ids, *, keep_copies: bool) -> Met:
        """The nearest pictures of other groups that searches meet; of group -1 nothing is known."""
        known = np.flatnonzero(groups >= 0)
        searched = self._sample(known)
        lengths = np.einsum("nk,nk->n", self.points, self.points)
        pairs: list[Ids] = []
        count = 0
        step = max(1, _AT_ONCE // max(len(known), 1))
        for start in range(0, len(searched), step):
            some = searched[start : start + step]
            squared = lengths[known] - 2 * (self.points[some] @ self.points[known].T)
            is_same = groups[some][:, None] == groups[known]
            squared[is_same] = np.inf
            count += int((~is_same).sum())
            nearest = min(NEAREST_MET, len(known))
            columns = np.argpartition(squared, nearest - 1, axis=1)[:, :nearest]
            row, column = np.nonzero(np.isfinite(np.take_along_axis(squared, columns, axis=1)))
            pairs.append(np.stack([some[row], known[columns[row, column]]], axis=1))
        met = np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)
        apart = self._between(met)
        if not keep_copies:
            apart = apart[~self._are_copies(met)]
        return Met(np.sort(apart), len(searched), count, len(self.view.ids) / max(len(known), 1))

    def _are_copies(self, pairs: Ids) -> npt.NDArray[np.bool_]:
        """Whether the stored pixels of each pair (n, 2) are as alike as those of pictures that were saved again."""
        rows = self.view.rows[pairs]
        step = max(1, _AT_ONCE // max(int(np.prod(self.view.all_pixels.shape[1:])), 1))
        found = np.empty(len(pairs), np.float32)
        for start in range(0, len(pairs), step):
            a, b = (np.asarray(self.view.all_pixels[rows[start : start + step, side]]) for side in (0, 1))
            found[start : start + step] = _correlations(a, b)
        return found >= self._of_copies if len(found) else np.empty(0, bool)

    @cached_property
    def _of_copies(self) -> float:
        """The correlation of pixels above which 99% of pictures and copies of them lie that were saved again."""
        places = self._sample(np.arange(len(self.view.ids)))
        pictures = np.asarray(self.view.all_pixels[self.view.rows[places]])
        alike = _correlations(pictures, copies_of(pictures, self.seed, (saved_again,)))
        return max(float(np.quantile(alike, 1 - COPIES_KEPT)), LEAST_CORRELATION)

    def copies(self, kinds: Sequence[Change] = KINDS) -> npt.NDArray[np.float64]:
        """Distances (n, kinds) of copies from the pictures they were made of, up to 500 pictures drawn by the seed.

        Raises:
            GalleryError: there are fewer than two pictures.
        """
        self._need_two()
        places = self._sample(np.arange(len(self.view.ids)))
        pictures = np.asarray(self.view.all_pixels[self.view.rows[places]])
        points = self.transform(self.encode(copies_of(pictures, self.seed, kinds)))
        return self._apart(np.repeat(self.points[places], len(kinds), axis=0), points).reshape(-1, len(kinds))

    def _sample(self, places: Ids) -> Ids:
        generator = np.random.default_rng(self.seed)
        return np.sort(generator.choice(places, min(len(places), SAMPLE), replace=False)).astype(np.int64)

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


def _correlations(a: Pixels, b: Pixels) -> Floats:
    """Of pictures (n, H, W, C), over pixels and channels: (n,); 0 for those of one colour."""
    flat = [one.reshape(len(one), -1).astype(np.float32) for one in (a, b)]
    centred = [one - one.mean(axis=1, keepdims=True) for one in flat]
    lengths = np.sqrt(np.square(centred[0]).sum(axis=1) * np.square(centred[1]).sum(axis=1))
    correlations: Floats = (centred[0] * centred[1]).sum(axis=1) / np.maximum(lengths, 1e-6)
    return correlations


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
