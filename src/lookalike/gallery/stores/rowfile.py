"""A file of rows of one size, that only ever grows.

A row that the catalog names is never written again: whoever has the file mapped goes on reading what was there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike import files
from lookalike.errors import GalleryError


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
