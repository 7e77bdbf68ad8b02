"""One committed state of a gallery with its index: what every search asks, a person's and a server's alike."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple, SupportsIndex

import numpy as np

from lookalike.data.columns import Value
from lookalike.data.images import Pixels
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.catalog import Catalog, Item
from lookalike.gallery.changes import pixels_digest
from lookalike.gallery.filters import parse
from lookalike.gallery.view import Floats, Ids, View
from lookalike.search.index import Index

EXACT_AMONG = 100_000
"""Pictures that meet a filter: up to so many are compared one by one, more of them are found through the index."""
SAMPLE = 1000
"""Pictures that tell about how many pairs are near."""
_BLOCK = 1 << 15

Encode = Callable[[Any], Floats]
"""Makes codes (N, K) of pictures (N, H, W, C), uint8 or centred floats."""


class Asked(NamedTuple):
    """One code that is searched for, and the places of stored pictures that are this very picture."""

    code: Floats
    same: Ids


@dataclass(frozen=True)
class FoundPicture:
    """A stored picture that was found, with its distance in the gallery's metric."""

    id: int
    name: str
    person: str | None
    distance: float
    _known: Callable[[], dict[int, dict[str, Value]]] = field(repr=False, compare=False)

    @property
    def columns(self) -> dict[str, Value]:
        """What is known of it by the names of the columns; empty where it has left the gallery since."""
        return self._known().get(self.id, {})


class _NamesAndDistances(NamedTuple):
    names: list[str]
    distances: Floats


class Found(_NamesAndDistances):
    """The nearest stored pictures: names, nearest first, and float32 distances in the gallery's metric.

    Attributes:
        items: the same pictures with their ids, persons and columns.
        milliseconds: what it took to find them, once the code searched for was there.
    """

    items: tuple[FoundPicture, ...]
    milliseconds: float

    def __new__(cls, items: Sequence[FoundPicture], milliseconds: float = 0.0) -> Found:
        """Names and distances of these pictures."""
        distances = np.array([one.distance for one in items], np.float32)
        found = super().__new__(cls, [one.name for one in items], distances)
        found.items, found.milliseconds = tuple(items), milliseconds
        return found

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[type[Found], tuple[list[FoundPicture], float]]:
        """Copies are made of what is known by then: they no longer ask the gallery."""
        known = {one.id: one.columns for one in self.items}
        items = [FoundPicture(one.id, one.name, one.person, one.distance, known.copy) for one in self.items]
        return Found, (items, self.milliseconds)


@dataclass(frozen=True)
class Snapshot:
    """A gallery at one moment; made by `Gallery.snapshot`, and good while the gallery is open.

    Attributes:
        view: ids, names, people, codes and pixels; place i of each is picture i.
        index: over exactly these.
        catalog: what is known of single items. It tells the newest state, in which an item may be gone.
    """

    view: View
    index: Index
    catalog: Catalog

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits that change whenever pictures, names or codes do."""
        view, found = self.view, hashlib.sha256(str(self.catalog.fact("model")).encode())
        found.update(view.ids.tobytes())
        for start in range(0, len(view.ids), _BLOCK):
            found.update(view.codes_at(slice(start, start + _BLOCK)).tobytes())
        for start in range(0, len(view.ids), _BLOCK):
            names = "\n".join(view.names[start : start + _BLOCK]).encode()
            found.update(names if start == 0 else b"\n" + names)
        return found.hexdigest()[:16]

    def place(self, id: int) -> int:
        """The place of an item by its id.

        Raises:
            GalleryError: it is not here.
        """
        found = self.view.places([id])
        if not len(found):
            raise GalleryError(f"no picture has the id {id} in this gallery; list them anew")
        return int(found[0])

    def item(self, id: int) -> Item:
        """What the catalog knows of an item. Raises as `place`."""
        self.place(id)
        return self.catalog.item(id)

    def picture(self, place: int) -> Pixels:
        """A stored picture: uint8 (H, W, C). Raises GalleryError where codes came alone."""
        self.view.require_pictures()
        return np.array(self.view.all_pixels[self.view.rows[place]])

    def of_place(self, place: int) -> Asked:
        """A stored picture as something to search for."""
        return Asked(np.array(self.view.all_codes[self.view.rows[place]]), np.array([place], np.int64))

    def of_codes(self, codes: Floats) -> list[Asked]:
        """Codes (N, K) as something to search for.

        Raises:
            OptionError: they are of another size, or not finite.
        """
        size = self.view.all_codes.shape[1]
        if codes.ndim != 2 or codes.shape[1] != size or not np.isfinite(codes).all():
            raise OptionError(f"the codes have shape {codes.shape}; give finite codes of {size} numbers")
        return [Asked(code, np.empty(0, np.int64)) for code in codes.astype(np.float32)]

    def of_pictures(self, pictures: Pixels, encode: Encode) -> list[Asked]:
        """Framed pictures (N, H, W, C) as something to search for; those that are not stored are encoded at once."""
        found: list[Asked | None] = []
        for picture in pictures:
            same = self.view.places(self.catalog.ids_of_pixels(pixels_digest(picture)))
            code = self.of_place(int(same[0])).code if len(same) else None
            found.append(None if code is None else Asked(code, same))
        new = [i for i, one in enumerate(found) if one is None]
        if new:
            for i, code in zip(new, encode(pictures[new]), strict=True):
                found[i] = Asked(code, np.empty(0, np.int64))
        return [one for one in found if one is not None]

    def chosen(self, filters: Sequence[str]) -> Ids | None:
        """Places, rising, of the pictures that meet every one of the filters; None where there is no filter.

        Raises:
            GalleryError: a filter cannot be read.
        """
        places: Ids | None = None
        for text in filters:
            condition = parse(text, self.catalog.listed)
            meeting = np.sort(self.view.places(self.catalog.chosen(*condition)))
            places = meeting if places is None else np.intersect1d(places, meeting)
        return places

    def pairs_within(self, threshold: float, *, seed: int = 0) -> float:
        """About how many pairs of pictures are at most that far apart, of a thousand pictures drawn by the seed."""
        count = len(self.view.ids)
        places = np.random.default_rng(seed).choice(count, min(count, SAMPLE), replace=False)
        points = self.index.metric.transform(self.view.codes_at(places))
        lengths = np.einsum("nk,nk->n", points, points)
        squared = np.maximum(lengths[:, None] + lengths - 2 * points @ points.T, 0)
        near = np.count_nonzero(self.index.metric.distances(squared) <= threshold) - len(places)
        return near / 2 * (count / len(places)) ** 2

    def search(self, asked: list[Asked], k: int, filters: Sequence[str] = ()) -> Found:
        """The `k` nearest of the pictures that meet all the filters; several queries are met by their mean.

        Raises:
            OptionError: k is below 1, or nothing is asked.
            GalleryError: a filter cannot be read.
        """
        if k < 1 or not asked:
            raise OptionError(f"k is {k}, and {len(asked)} queries; ask for 1 neighbour or more, with 1 query or more")
        started = time.perf_counter()
        places, distances = self._nearest(asked, k, self.chosen(filters))
        view = self.view
        ids = view.ids[places].tolist()
        known = cache(lambda: self.catalog.values_of(ids))
        hits = [
            FoundPicture(id, view.names[place], view.people[place], distance, known)
            for id, place, distance in zip(ids, places.tolist(), distances.tolist(), strict=True)
        ]
        return Found(hits, 1000 * (time.perf_counter() - started))

    def _nearest(self, asked: list[Asked], k: int, chosen: Ids | None) -> tuple[Ids, Floats]:
        """Places and distances of the `k` nearest, among the `chosen` places where these are given.

        Several codes are met by their mean after the metric's transform, compared with every picture one by one.
        """
        transform = self.index.metric.transform
        if len(asked) > 1:
            target = transform(np.stack([one.code for one in asked])).mean(axis=0)
            return self._among(target, k, np.arange(len(self.view.ids)) if chosen is None else chosen)
        code, same = asked[0]
        if chosen is not None and len(chosen) <= EXACT_AMONG:
            return self._among(transform(code[None])[0], k, chosen)
        if chosen is not None:
            return self._through_index(code, k, chosen)
        places, distances = self._queried(code, k)
        found = set(places.tolist())
        missed = np.array([place for place in same.tolist() if place not in found], np.int64)
        if not len(missed) and (distances[1:] > distances[:-1]).all():
            return places, distances  # as they are: quicker than to order them again
        return _first(np.append(places, missed), np.append(distances, np.zeros(len(missed), np.float32)), k)

    def _queried(self, code: Floats, k: int) -> tuple[Ids, Floats]:
        found = self.index.query(code, min(k, len(self.view.ids)))
        is_there = found.ids[0] >= 0
        return self.view.places(found.ids[0][is_there]), found.distances[0][is_there]

    def _through_index(self, code: Floats, k: int, chosen: Ids) -> tuple[Ids, Floats]:
        """Ask for more and more neighbours until `k` of them are among the chosen."""
        count = len(self.view.ids)
        is_chosen = np.zeros(count, bool)
        is_chosen[chosen] = True
        k, asked = min(k, len(chosen)), min(k, len(chosen)) * count // len(chosen)
        while True:
            asked = min(2 * asked, count)
            places, distances = self._queried(code, asked)
            keep = is_chosen[places]
            if keep.sum() >= k:
                return places[keep][:k], distances[keep][:k]
            if asked == count:
                return self._among(self.index.metric.transform(code[None])[0], k, chosen)

    def _among(self, target: Floats, k: int, chosen: Ids) -> tuple[Ids, Floats]:
        """The nearest of the chosen to a point after the metric's transform, one by one; exact."""
        metric, parts = self.index.metric, []
        for start in range(0, len(chosen), _BLOCK):
            points = metric.transform(self.view.codes_at(chosen[start : start + _BLOCK]))
            parts.append(metric.distances(np.square(points - target).sum(axis=1)))
        return _first(chosen, np.concatenate(parts) if parts else np.empty(0, np.float32), k)


def _first(places: Ids, distances: Floats, k: int) -> tuple[Ids, Floats]:
    """The `k` first by distance, by name where they are equally far."""
    order = np.lexsort((places, distances))[:k]
    return places[order], distances[order].astype(np.float32)
