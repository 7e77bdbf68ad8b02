"""What is searched for becomes a code, and a code its nearest stored pictures."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.source import read_picture
from lookalike.errors import GalleryError, OptionError
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.changes import pixels_digest
from lookalike.gallery.view import Floats, Ids, View

if TYPE_CHECKING:
    from lookalike.models.base import Autoencoder
    from lookalike.search.index import Index

EXACT_AMONG = 100_000
"""Pictures that meet a filter: up to so many are compared one by one, more of them are found through the index."""
_BLOCK = 1 << 15


class Asked(NamedTuple):
    """One code that is searched for, and the places of stored pictures that are this very picture."""

    code: Floats
    same: Ids


class Reader:
    """Turns queries into codes, over one state of a gallery.

    Args:
        view: the state.
        catalog: asked for stored pictures of the same pixels.
        model: gives the model, which is loaded only where a picture is not stored.
        spec: gives how picture files are framed.
    """

    def __init__(
        self, view: View, catalog: Catalog, model: Callable[[], Autoencoder], spec: Callable[[], DataSpec]
    ) -> None:
        self.view = view
        self.catalog = catalog
        self.model = model
        self.spec = spec

    def read(self, query: Any) -> list[Asked]:
        """The codes that a query stands for: one, or several whose mean is meant.

        Raises:
            GalleryError: a name is unknown.
            OptionError: the query is of no kind or shape that can be searched for.
            PictureError: a file is no picture.
        """
        if isinstance(query, str):
            path = Path(query)
            if query not in self.view.numbers and path.is_file():
                return [self._of_file(path)]
            return [self._of_place(place_of(self.view, query))]
        if isinstance(query, (Path, bytes)):
            return [self._of_file(query)]
        if isinstance(query, ImageSet):
            query = query.pixels
        if isinstance(query, (list, tuple)) and not all(np.isscalar(one) and not isinstance(one, str) for one in query):
            asked = [one for part in query for one in self.read(part)]
        else:
            asked = self._of_array(np.asarray(query))
        if not asked:
            raise OptionError("nothing is searched for; give a picture, a name, a code, or several of these")
        return asked

    def framed(self, source: str | Path | bytes) -> Pixels:
        """A picture file, or its bytes, framed as those of the gallery: uint8 (H, W, C)."""
        from lookalike.models.pictures import as_channels

        return as_channels(read_picture(source, self.spec()), self.view.all_pixels.shape[3])

    def _of_array(self, values: npt.NDArray[Any]) -> list[Asked]:
        if values.ndim in (1, 2):
            codes = np.atleast_2d(values)
            size = self.view.all_codes.shape[1]
            if codes.shape[1] != size or codes.dtype.kind not in "fiu" or not np.isfinite(codes).all():
                raise OptionError(
                    f"a query of shape {values.shape} and {values.dtype}; give finite codes of {size} numbers, "
                    f"or pictures of shape {self.view.all_pixels.shape[1:]}"
                )
            return [Asked(code, np.empty(0, np.int64)) for code in codes.astype(np.float32)]
        shape = self.view.all_pixels.shape[1:]
        if values.ndim not in (3, 4) or values.shape[-3:] != shape:
            raise OptionError(
                f"a query of shape {values.shape}; this gallery's pictures are {shape}: load it with size={shape[:2]}, "
                "or give its file"
            )
        return [self._of_picture(picture) for picture in values.reshape(-1, *shape)]

    def _of_picture(self, picture: npt.NDArray[Any]) -> Asked:
        if picture.dtype == np.uint8:
            same = self.view.places(self.catalog.ids_of_pixels(pixels_digest(picture)))
            if len(same):
                return Asked(self._of_place(int(same[0])).code, same)
            return Asked(self._code_of(picture), same)
        from lookalike.models.base import as_pictures, centre, to_uint8

        centred = as_pictures(picture)[0]
        rounded = to_uint8(centred)
        if np.array_equal(centre(rounded), centred):
            return self._of_picture(rounded)
        return Asked(self._code_of(centred), np.empty(0, np.int64))

    def _code_of(self, picture: npt.NDArray[Any]) -> Floats:
        from lookalike.models.encoding import search_codes  # PyTorch takes a second to import

        code: Floats = search_codes(self.model(), picture)[0]
        return code

    def _of_file(self, source: Path | bytes) -> Asked:
        return self._of_picture(self.framed(source))

    def _of_place(self, place: int) -> Asked:
        return Asked(np.array(self.view.all_codes[self.view.rows[place]]), np.array([place], np.int64))


def place_of(view: View, name: str) -> int:
    """The place of a stored picture.

    Raises:
        GalleryError: there is none of that name; the text says which are near.
    """
    place = view.numbers.get(name)
    if place is None:
        near = difflib.get_close_matches(name, view.names[:100_000], 3, 0.6) or view.names[:3]
        names = f"; near are: {', '.join(near)}" if near else ", which is empty"
        raise GalleryError(f"no picture called {name} is stored in this gallery{names}")
    return place


def nearest(view: View, index: Index, asked: list[Asked], k: int, chosen: Ids | None) -> tuple[Ids, Floats]:
    """Places and distances of the `k` nearest stored pictures, among the `chosen` places where these are given.

    Several codes are met by their mean after the metric's transform, compared with every picture one by one.
    """
    if len(asked) > 1:
        target = index.metric.transform(np.stack([one.code for one in asked])).mean(axis=0)
        return _among(view, index, target, k, np.arange(len(view.ids)) if chosen is None else chosen)
    code, same = asked[0]
    if chosen is not None and len(chosen) <= EXACT_AMONG:
        return _among(view, index, index.metric.transform(code[None])[0], k, chosen)
    if chosen is not None:
        return _through_index(view, index, code, k, chosen)
    places, distances = _queried(view, index, code, k)
    missed = np.setdiff1d(same, places)
    return _first(np.append(places, missed), np.append(distances, np.zeros(len(missed), np.float32)), k)


def _queried(view: View, index: Index, code: Floats, k: int) -> tuple[Ids, Floats]:
    found = index.query(code, min(k, len(view.ids)))
    is_there = found.ids[0] >= 0
    return view.places(found.ids[0][is_there]), found.distances[0][is_there]


def _through_index(view: View, index: Index, code: Floats, k: int, chosen: Ids) -> tuple[Ids, Floats]:
    """Ask for more and more neighbours until `k` of them are among the chosen."""
    is_chosen = np.zeros(len(view.ids), bool)
    is_chosen[chosen] = True
    k, asked = min(k, len(chosen)), min(k, len(chosen)) * len(view.ids) // len(chosen)
    while True:
        asked = min(2 * asked, len(view.ids))
        places, distances = _queried(view, index, code, asked)
        keep = is_chosen[places]
        if keep.sum() >= k:
            return places[keep][:k], distances[keep][:k]
        if asked == len(view.ids):
            return _among(view, index, index.metric.transform(code[None])[0], k, chosen)


def _among(view: View, index: Index, target: Floats, k: int, chosen: Ids) -> tuple[Ids, Floats]:
    """The nearest of the chosen to a point after the metric's transform, one by one; exact."""
    parts = []
    for start in range(0, len(chosen), _BLOCK):
        points = index.metric.transform(view.codes[chosen[start : start + _BLOCK]])
        parts.append(index.metric.distances(np.square(points - target).sum(axis=1)))
    return _first(chosen, np.concatenate(parts) if parts else np.empty(0, np.float32), k)


def _first(places: Ids, distances: Floats, k: int) -> tuple[Ids, Floats]:
    """The `k` first by distance, by name where they are equally far."""
    order = np.lexsort((places, distances))[:k]
    return places[order], distances[order].astype(np.float32)
