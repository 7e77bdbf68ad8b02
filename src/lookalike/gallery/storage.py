"""Codes and pixels of a gallery: files of rows of one size, that only ever grow.

A row that the catalog names is never written again: whoever has the file mapped goes on reading what was there. Rows
that nobody names any more are left out when the files are written anew, under another number.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.errors import GalleryError
from lookalike.gallery.catalog import Catalog

_COPIED_AT_ONCE = 1 << 24
"""Bytes."""


class RowFile:
    """A file of rows of one shape and type; row i begins at byte i times a row's size."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> None:
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.row_bytes = int(np.prod(shape)) * self.dtype.itemsize

    def write(self, start: int, rows: npt.NDArray[Any]) -> None:
        """Write rows from number `start` on and flush them to disk; what lay there was named by nobody, and goes.

        Raises:
            GalleryError: the file holds fewer rows than `start`.
        """
        if not self.row_bytes:  # codes alone have no pixels
            return
        is_new = not self.path.exists()
        told = files.want_of_space_told(self.path, lambda: rows.size * self.dtype.itemsize)
        with told, self.path.open("wb" if is_new else "r+b") as file:
            if file.seek(0, os.SEEK_END) < start * self.row_bytes:
                raise self._cut_off(start)
            file.truncate(start * self.row_bytes)
            file.seek(start * self.row_bytes)
            file.write(np.ascontiguousarray(rows, self.dtype).data)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            files.sync_folder(self.path.parent)

    def mapped(self, count: int) -> npt.NDArray[Any]:
        """The first `count` rows, memory-mapped, read-only.

        Raises:
            FileNotFoundError: the file is not there (any more).
            GalleryError: it holds fewer rows.
        """
        if count == 0 or not self.row_bytes:
            return np.empty((count, *self.shape), self.dtype)
        if self.path.stat().st_size < count * self.row_bytes:
            raise self._cut_off(count)
        return np.memmap(self.path, self.dtype, "r", shape=(count, *self.shape))

    def _cut_off(self, count: int) -> GalleryError:
        return GalleryError(
            f"{self.path} holds fewer than the {count:,} rows that the catalog names; remove the gallery's folder and "
            "build it again with: lookalike index RUN DATA --gallery FOLDER"
        )


class Storage:
    """The two files of a gallery, as they are called at their `number`-th writing: `codes-1.bin`, `pixels-1.bin`."""

    def __init__(self, folder: Path, number: int, code_size: int, image_shape: tuple[int, int, int]) -> None:
        self.folder = folder
        self.number = number
        self.codes = RowFile(folder / f"codes-{number}.bin", (code_size,), np.float32)
        self.pixels = RowFile(folder / f"pixels-{number}.bin", image_shape, np.uint8)

    @property
    def taken(self) -> tuple[int, ...]:
        """The shape of what comes in: a picture, or a code where codes come alone."""
        return self.pixels.shape if self.pixels.row_bytes else self.codes.shape

    def write(self, start: int, pixels: npt.NDArray[np.uint8], codes: npt.NDArray[np.float32]) -> None:
        """Write the rows from number `start` on to both files, and flush them."""
        self.pixels.write(start, pixels)
        self.codes.write(start, codes)

    def rewritten(self, rows: npt.NDArray[np.int64], count: int) -> Storage:
        """Copy the given ones of `count` rows, in their order, to files of the next number."""
        new = Storage(self.folder, self.number + 1, self.codes.shape[0], self.pixels.shape)  # type: ignore[arg-type]
        for old_file, new_file in ((self.pixels, new.pixels), (self.codes, new.codes)):
            mapped = old_file.mapped(count)
            step = max(1, _COPIED_AT_ONCE // max(1, old_file.row_bytes))
            for start in range(0, len(rows), step):
                new_file.write(start, mapped[rows[start : start + step]])
        return new

    def leftovers(self) -> Iterator[Path]:
        """Files of other numbers: from before a rewriting, or of one that was cut off."""
        for pattern in ("codes-*.bin", "pixels-*.bin"):
            yield from (p for p in self.folder.glob(pattern) if p not in (self.codes.path, self.pixels.path))


def storage_of(catalog: Catalog, folder: Path) -> Storage:
    """The files that the catalog names now."""
    height, width, channels = catalog.fact("image_shape")
    return Storage(folder, catalog.fact("files"), catalog.fact("code_size"), (height, width, channels))
