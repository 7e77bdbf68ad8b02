"""What a gallery holds at one moment: a committed state, read once, that no update changes any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import GalleryError
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.listing import Listing, places_of, read_listing
from lookalike.gallery.storage import storage_of
from lookalike.gallery.stores import Rows

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

_TRIES = 5


@dataclass(frozen=True)
class View:
    """The stored items, by name: place i of all fields is item i.

    Attributes:
        generation: which state of the gallery this is.
        listing: its items; `ids`, `names`, `people` and `rows` are its.
        all_codes: the rows of codes, where the store has them: memory-mapped, or fetched when they are asked for.
        all_pixels: the file of rows, memory-mapped.
    """

    generation: int
    listing: Listing
    all_codes: Rows
    all_pixels: npt.NDArray[np.uint8]

    @property
    def ids(self) -> Ids:
        """The catalog's numbers, which an index knows the codes by; a picture that changes gets a new one."""
        return self.listing.ids

    @property
    def names(self) -> Sequence[str]:
        """A name for each item, rising."""
        return self.listing.names

    @property
    def people(self) -> Sequence[str | None]:
        """A person for each item, None where nobody is known."""
        return self.listing.people

    @property
    def rows(self) -> Ids:
        """The place of each item in the files."""
        return self.listing.rows

    @property
    def has_pictures(self) -> bool:
        """Whether there are pictures; codes may have come alone."""
        return 0 not in self.all_pixels.shape[1:]

    def require_pictures(self) -> None:
        """Refuse what needs pictures. Raises GalleryError where codes came alone."""
        if not self.has_pictures:
            raise GalleryError(
                "this gallery holds codes alone, without pictures and a model; search it by --item NAME or by a code, "
                "and look for duplicates by --threshold"
            )

    @cached_property
    def codes(self) -> Floats:
        """The codes (N, K): as they lie in their file where they are in the order of names there, else in memory."""
        if isinstance(self.all_codes, np.memmap) and _are_all(self.rows, len(self.all_codes)):
            return np.asarray(self.all_codes)
        return np.ascontiguousarray(self.all_codes[self.rows])

    def codes_at(self, places: Ids | slice) -> Floats:
        """The codes of some items; from their file, where that is at hand."""
        if isinstance(self.all_codes, np.ndarray):
            found: Floats = np.asarray(self.all_codes)[self.rows[places]]
            return found
        return self.codes[places]

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """The place of each name."""
        return places_of(self.listing.names)

    def places(self, ids: Iterable[int] | Ids) -> Ids:
        """The places of ids, those that are not here (any more) left out."""
        places = self.places_or_none(np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), np.int64))
        found: Ids = places[places >= 0]
        return found

    def places_or_none(self, ids: Ids) -> Ids:
        """The places of ids, of any shape, -1 for those that are not here."""
        if not len(self.ids):
            return np.full(ids.shape, -1, np.int64)
        by_id = self.listing.by_id
        at = by_id[np.minimum(np.searchsorted(self.ids, ids, sorter=by_id), len(self.ids) - 1)]
        places: Ids = np.where(self.ids[at] == ids, at, -1)
        return places


def _are_all(rows: Ids, count: int) -> bool:
    """Whether these are all of so many rows, in their order."""
    return len(rows) == count and bool((rows == np.arange(count)).all())


def read_view(catalog: Catalog, folder: Path) -> View:
    """The last committed state; another process may be writing the next one meanwhile.

    Raises:
        GalleryError: the files do not hold what the catalog names.
    """
    for _ in range(_TRIES):
        with catalog.reading():
            facts: dict[str, Any] = {key: catalog.fact(key) for key in ("generation", "rows")}
            listing = read_listing(catalog, folder, facts["generation"])
            storage = storage_of(catalog, folder)
        try:
            codes, pixels = storage.codes.mapped(facts["rows"]), storage.pixels.mapped(facts["rows"])
        except FileNotFoundError:  # the files were rewritten after the catalog was read: it names the new ones now
            continue
        return View(facts["generation"], listing, codes, pixels)
    raise GalleryError(
        f"{folder} lacks its files of codes or pixels; remove the folder and build the gallery again with: "
        "lookalike index RUN DATA --gallery FOLDER"
    )
