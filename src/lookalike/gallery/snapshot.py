"""One committed state of a gallery with its index, for many questions to one and the same state: what a server asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from lookalike import files
from lookalike.data.images import Pixels
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery import queries
from lookalike.gallery.catalog import Catalog, Item
from lookalike.gallery.changes import pixels_digest
from lookalike.gallery.filters import parse
from lookalike.gallery.queries import Asked
from lookalike.gallery.view import Floats, Ids, View
from lookalike.search.index import Index

SAMPLE = 1000
"""Pictures that tell about how many pairs are near."""

Encode = Callable[[Pixels], Floats]


class Near(NamedTuple):
    """Places of the nearest stored pictures, nearest first, and float32 distances in the gallery's metric."""

    places: Ids
    distances: Floats


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
        parts = (str(self.catalog.fact("model")).encode(), self.view.ids.tobytes(), self.view.codes.tobytes())
        return files.sha256(b"".join((*parts, "\n".join(self.view.names).encode())))[:16]

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

    def attributes_of(self, id: int) -> dict[str, float | None]:
        """The attributes of an item by name, None where one is not known."""
        return dict(zip(self.catalog.attribute_names, self.catalog.attributes_of(id), strict=True))

    def picture(self, place: int) -> Pixels:
        """A stored picture: uint8 (H, W, C)."""
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
            raise OptionError(f"codes of shape {codes.shape}; give finite codes of {size} numbers")
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
            condition = parse(text, self.catalog.attribute_names)
            meeting = np.sort(self.view.places(self.catalog.chosen(*condition)))
            places = meeting if places is None else np.intersect1d(places, meeting)
        return places

    def pairs_within(self, threshold: float, *, seed: int = 0) -> float:
        """About how many pairs of pictures are at most that far apart, of a thousand pictures drawn by the seed."""
        count = len(self.view.ids)
        places = np.random.default_rng(seed).choice(count, min(count, SAMPLE), replace=False)
        points = self.index.metric.transform(self.view.codes[places])
        lengths = np.einsum("nk,nk->n", points, points)
        squared = np.maximum(lengths[:, None] + lengths - 2 * points @ points.T, 0)
        near = np.count_nonzero(self.index.metric.distances(squared) <= threshold) - len(places)
        return near / 2 * (count / len(places)) ** 2

    def nearest(self, asked: list[Asked], k: int, chosen: Ids | None = None) -> Near:
        """The `k` nearest, of the `chosen` places alone where these are given; several queries are met by their mean.

        Raises:
            OptionError: k is below 1, or nothing is asked.
        """
        if k < 1 or not asked:
            raise OptionError(f"k is {k}, and {len(asked)} queries; ask for 1 neighbour or more, with 1 query or more")
        return Near(*queries.nearest(self.view, self.index, asked, k, chosen))
