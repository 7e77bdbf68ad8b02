"""Codes in the gallery's own folder, in a file beside the pixels, with FAISS's indexes over them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from lookalike.gallery.stores.contract import Named
from lookalike.gallery.stores.rowfile import RowFile
from lookalike.search.index import INDEXES


class LocalStore:
    """`codes-1.bin`, and the next number after each rewriting."""

    told = "local"
    kinds = INDEXES

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def reach(self) -> None:
        """The folder is there."""

    def codes(self, number: int, size: int) -> RowFile:
        """That file."""
        return RowFile(self.folder / f"codes-{number}.bin", (size,), np.float32)

    def clean(self, named: Named | None, count: int, before: Named | None = None) -> None:
        """Remove files of other numbers: who has one mapped keeps it. Rows beyond the named ones are written over."""
        for path in self.folder.glob("codes-*.bin"):
            if named is None or path.name != f"codes-{named.number}.bin":
                with suppress(OSError):  # Windows keeps what is still mapped
                    path.unlink()
