"""Codes and pixels of a gallery: rows of one size, that only ever grow.

A row that the catalog names is never written again: whoever reads goes on reading what was there. Rows that nobody
names any more are left out when all are written anew, under another number. Pixels are in a file of the gallery's
folder, codes where its store is.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.gallery.catalog import Catalog
from lookalike.gallery.stores import Named, RowFile, Store, copied, store_at


class Storage:
    """Both, as they are called at their `number`-th writing: `pixels-1.bin` in the folder, and what the store has."""

    def __init__(
        self, folder: Path, number: int, code_size: int, image_shape: tuple[int, int, int], store: Store
    ) -> None:
        self.folder = folder
        self.number = number
        self.store = store
        self.codes = store.codes(number, code_size)
        self.pixels = RowFile(folder / f"pixels-{number}.bin", image_shape, np.uint8)

    @property
    def taken(self) -> tuple[int, ...]:
        """The shape of what comes in: a picture, or a code where codes come alone."""
        return self.pixels.shape if self.pixels.row_bytes else self.codes.shape

    def write(self, start: int, pixels: npt.NDArray[np.uint8], codes: npt.NDArray[np.float32]) -> None:
        """Write the rows from number `start` on to both, so that they outlast this process."""
        self.pixels.write(start, pixels)
        self.codes.write(start, codes)

    def rewritten(self, rows: npt.NDArray[np.int64], count: int) -> Storage:
        """Copy the given ones of `count` rows, in their order, to rows of the next number."""
        shape: Any = self.pixels.shape
        new = Storage(self.folder, self.number + 1, self.codes.shape[0], shape, self.store)
        copied(self.pixels, new.pixels, rows, count)
        copied(self.codes, new.codes, rows, count)
        return new

    def clean(self, count: int, held_in: str | None, before: Named | None) -> None:
        """Remove what the catalog does not name, of which `count` rows are named; else as `Store.clean`."""
        for path in self.folder.glob("pixels-*.bin"):
            if path != self.pixels.path:
                with suppress(OSError):  # Windows keeps what is still mapped
                    path.unlink()
        self.store.clean(Named(self.number, held_in), count, before)


def storage_of(catalog: Catalog, folder: Path) -> Storage:
    """What the catalog names now."""
    height, width, channels = catalog.fact("image_shape")
    return Storage(
        folder, catalog.fact("files"), catalog.fact("code_size"), (height, width, channels), store_of(catalog, folder)
    )


def store_of(catalog: Catalog, folder: Path) -> Store:
    """Where the codes are now."""
    return store_at(catalog.fact("store"), folder)


def named_by(catalog: Catalog) -> Named:
    """What the catalog names now."""
    return Named(catalog.fact("files"), (catalog.fact("index") or {}).get("held_in"))
