"""A gallery's codes in Milvus: a collection of rows of codes, and one of points by items' ids for its index.

Rows are numbered, and called by the number of their writing, as in files: `codes_1`. The points are the codes after
the metric's transform, which Milvus's own metrics do not know. The gallery's lock lets one process write.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.gallery.stores.contract import Named
from lookalike.gallery.stores.milvus.address import is_embedded, place
from lookalike.gallery.stores.milvus.collections import Collections
from lookalike.gallery.stores.milvus.connection import load_pymilvus
from lookalike.gallery.stores.milvus.index import KINDS
from lookalike.pixels import Floats
from lookalike.search.index import Kinds


class MilvusStore:
    """Made by `stores.store_at`.

    Args:
        told: what `--store` takes.
        address: of the Milvus, "" for one in the folder.
        name: that the names of all of this gallery's collections begin with.
        folder: the gallery's.

    Raises:
        MissingExtraError: the client is not installed.
    """

    def __init__(self, told: str, address: str, name: str, folder: Path) -> None:
        opened = place(address, folder)
        load_pymilvus(is_embedded(opened))
        self.told = told
        self.collections = Collections(opened, name)
        self.kinds: Kinds = {kind.kind: partial(kind, self.collections) for kind in KINDS}

    def reach(self) -> None:
        """Connect, and stay so while this object is there. Raises GalleryError where nobody answers."""
        self.collections.names()

    def codes(self, number: int, size: int) -> MilvusCodes:
        """The collection `codes_1`, and the next number after each rewriting."""
        return MilvusCodes(self.collections, _codes(number), size)

    def clean(self, named: Named | None, count: int, before: Named | None = None) -> None:
        """Drop the other collections of this gallery, and rows beyond those that are named."""
        spared = [_names(one) for one in (named, before) if one is not None]
        for name in self.collections.names():
            if not any(name in names for names in spared):
                self.collections.drop(name)
            elif named is not None and before is None and name == _codes(named.number):
                self.collections.delete_from(name, count)


def _codes(number: int) -> str:
    return f"codes_{number}"


def _names(named: Named) -> tuple[str, str | None]:
    return _codes(named.number), named.held_in


class MilvusCodes:
    """Rows of codes under their numbers, in a collection that the first writing makes."""

    def __init__(self, collections: Collections, name: str, size: int) -> None:
        self.collections = collections
        self.name = name
        self.shape: tuple[int, ...] = (size,)
        self.row_bytes = 4 * size

    def write(self, start: int, rows: npt.NDArray[Any]) -> None:
        """Hold rows from number `start` on. Raises GalleryError where Milvus does not take them."""
        if not self.collections.has(self.name):
            self.collections.create(self.name, self.shape[0], "FLAT", {}, up_to_date=True)
        self.collections.upsert(self.name, np.arange(start, start + len(rows)), np.asarray(rows, np.float32))
        self.collections.keep(self.name)

    def mapped(self, count: int) -> FetchedRows:
        """The first `count` rows, fetched when they are asked for."""
        if count and not self.collections.has(self.name):
            raise FileNotFoundError(f"Milvus has no {self.name} of this gallery")
        return FetchedRows(self.collections, self.name, count, self.shape[0])


class FetchedRows:
    """Rows (N, K) that come from Milvus whenever they are asked for; nothing is kept."""

    def __init__(self, collections: Collections, name: str, count: int, size: int) -> None:
        self.collections = collections
        self.name = name
        self.shape: tuple[int, ...] = (count, size)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Floats:
        """What an array of these rows would give for a number, a slice, or an array of numbers or truths."""
        numbers = np.arange(len(self))[rows]
        found = self.collections.vectors(self.name, np.unique(numbers), self.shape[1])
        picked: Floats = found[np.searchsorted(np.unique(numbers), numbers)]
        return picked

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("rows in Milvus are no array yet; a copy is made of them")
        return np.asarray(self[:], dtype)
