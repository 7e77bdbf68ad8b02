"""What a gallery holds at one moment: a committed state, read once, that no update changes any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import GalleryError
from lookalike.gallery.catalog import Catalog
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
        ids: the catalog's numbers, which an index knows the codes by; a picture that changes gets a new one.
        names, people: one for each item; a person is None where nobody is known.
        rows: places in the files.
        all_codes: the rows of codes, where the store has them: memory-mapped, or fetched when they are asked for.
        all_pixels: the file of rows, memory-mapped.
    """

    generation: int
    ids: Ids
    names: list[str]
    people: list[str | None]
    rows: Ids
    all_codes: Rows
    all_pixels: npt.NDArray[np.uint8]

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
        """The codes (N, K), in memory."""
        return np.ascontiguousarray(self.all_codes[self.rows])

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The place of each name."""
        return {name: place for place, name in enumerate(self.names)}

    @cached_property
    def _order(self) -> Ids:
        return np.argsort(self.ids).astype(np.int64)

    @cached_property
    def _sorted_ids(self) -> Ids:
        return self.ids[self._order]

    def places(self, ids: Iterable[int] | Ids) -> Ids:
        """The places of ids, those that are not here (any more) left out."""
        places = self.places_or_none(np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), np.int64))
        found: Ids = places[places >= 0]
        return found

    def places_or_none(self, ids: Ids) -> Ids:
        """The places of ids, of any shape, -1 for those that are not here."""
        if not len(self.ids):
            return np.full(ids.shape, -1, np.int64)
        at = np.minimum(np.searchsorted(self._sorted_ids, ids), len(self.ids) - 1)
        places: Ids = np.where(self._sorted_ids[at] == ids, self._order[at], -1)
        return places


def read_view(catalog: Catalog, folder: Path) -> View:
    """The last committed state; another process may be writing the next one meanwhile.

    Raises:
        GalleryError: the files do not hold what the catalog names.
    """
    for _ in range(_TRIES):
        with catalog.reading():
            items = catalog.fields("id, name, person, row", "stored")
            facts: dict[str, Any] = {key: catalog.fact(key) for key in ("generation", "rows")}
            storage = storage_of(catalog, folder)
        try:
            codes, pixels = storage.codes.mapped(facts["rows"]), storage.pixels.mapped(facts["rows"])
        except FileNotFoundError:  # the files were rewritten after the catalog was read: it names the new ones now
            continue
        return View(
            facts["generation"],
            np.array([id for id, *_ in items], np.int64),
            [name for _, name, *_ in items],
            [person for *_, person, _ in items],
            np.array([row for *_, row in items], np.int64),
            codes,
            pixels,
        )
    raise GalleryError(
        f"{folder} lacks its files of codes or pixels; remove the folder and build the gallery again with: "
        "lookalike index RUN DATA --gallery FOLDER"
    )
