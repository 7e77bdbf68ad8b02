"""The pictures that are compared, with what is known of each before any is read again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.options import DataOptions
from lookalike.data.source import load_with
from lookalike.errors import GalleryError
from lookalike.gallery.gallery import Gallery
from lookalike.gallery.snapshot import Snapshot
from lookalike.review.hints import Ids
from lookalike.review.originals import contents_of, seconds_of
from lookalike.review.sameness import Album

TAKEN = "taken"


def others_of(gallery: Gallery, against: str | Path | ImageSet) -> ImageSet:
    """Pictures to compare with a gallery's, framed as these; raises as `load`."""
    if isinstance(against, ImageSet):
        return against
    return load_with(against, DataOptions.checked().like(gallery.framing))


def album_of(gallery: Gallery, snapshot: Snapshot, others: ImageSet | None) -> Album:
    """A gallery's pictures, and others after them; raises `GalleryError` where these are of another size."""
    view = snapshot.view
    known = dict(snapshot.catalog.fields("name, content", "stored"))
    names, contents = list(view.names), [known.get(name) for name in view.names]
    sources: list[tuple[DataSpec | None, Mapping[str, int]]] = [(gallery.source, view.numbers)]
    count = len(names)
    if others is not None:
        if others.pixels.shape[1:] != view.all_pixels.shape[1:]:
            raise GalleryError(
                f"the pictures are {others.pixels.shape[1:]}, those of the gallery {view.all_pixels.shape[1:]}; "
                "frame them alike"
            )
        spec = None if others.parts else others.spec
        hashes = {} if spec is None or spec.framing.faces is not None else contents_of(spec)
        names += others.names
        contents += [hashes.get(name) for name in others.names]
        sources.append((spec, {name: count + place for place, name in enumerate(others.names)}))

    def small(places: Ids) -> Pixels:
        places = np.asarray(places, np.int64)
        own = places < count
        found = np.empty((len(places), *view.all_pixels.shape[1:]), np.uint8)
        found[own] = view.all_pixels[view.rows[places[own]]]
        if others is not None:
            found[~own] = others.pixels[places[~own] - count]
        return found

    return Album(names, contents, small, sources, _taken(snapshot, len(names)))


def _taken(snapshot: Snapshot, count: int) -> npt.NDArray[np.float64]:
    """Seconds of the gallery's column `taken`, where it has one; NaN for all else, the others' among it."""
    found = np.full(count, np.nan)
    given = [column.name for column in snapshot.catalog.given]
    if TAKEN in given:
        values = snapshot.catalog.given_values()
        for place, id in enumerate(snapshot.view.ids.tolist()):
            found[place] = seconds_of(values[id][given.index(TAKEN)] if id in values else None)
    return found
