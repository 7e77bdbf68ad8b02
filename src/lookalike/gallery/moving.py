"""Codes are brought from one store to another as they are: rows first, then the transaction that names the place."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.data.pipeline import Progress
from lookalike.gallery import stores
from lookalike.gallery.catalog import Catalog
from lookalike.gallery.storage import storage_of


@dataclass(frozen=True)
class Moved:
    """What a move did.

    Attributes:
        before, store: where the codes were, and are.
        codes: how many rows were copied; 0 where they were there already. Equal pictures share one.
        method, recall_measured, kept, why: of the index there, as of an update.
        seconds: time it took.
    """

    before: str
    store: str
    codes: int
    method: str
    recall_measured: float
    kept: bool
    why: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def bring(catalog: Catalog, folder: Path, told: str, progress: Progress | None) -> int:
    """Copy all rows to the store that is told, and let the catalog name it; how many there were.

    The catalog first notes the new store as one to clear, and then the old one, so that whatever moment a move is cut
    off at, the next update knows where something may lie. The index is one of the old store, and forgotten.

    Raises:
        OptionError: the store is none.
        GalleryError: one of them does not answer.
    """
    before = catalog.fact("store")
    if stores.is_same(told, before):
        return 0
    after = stores.parsed(told)
    target = stores.store_at(after, folder)
    target.reach()
    count, left = int(catalog.fact("rows")), catalog.fact("left") or []
    with catalog.transaction():
        catalog.set_fact("left", [*left, after])
    old = storage_of(catalog, folder)
    new = target.codes(old.number, old.codes.shape[0])
    stores.copied(old.codes, new, np.arange(count), count, progress)
    with catalog.transaction():
        catalog.set_fact("store", after)
        catalog.set_fact("left", [*left, before])
        catalog.set_fact("index", None)
        catalog.next_generation(same_items=True)
    return count
