"""Every kind of index, and any saved one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lookalike.errors import OptionError, SearchError
from lookalike.search import store
from lookalike.search.base import Index as Index
from lookalike.search.base import Neighbours as Neighbours
from lookalike.search.exact import ExactIndex as ExactIndex
from lookalike.search.hnsw import HNSWIndex as HNSWIndex
from lookalike.search.inputs import Ids as Ids
from lookalike.search.ivf import IVFIndex as IVFIndex
from lookalike.search.ivfpq import IVFPQIndex as IVFPQIndex
from lookalike.search.lsh import LSHIndex as LSHIndex

Kinds = Mapping[str, Callable[..., Index]]
"""By its name, what makes an index of a kind, of a metric's name and settings."""

INDEXES: dict[str, type[Index]] = {
    "exact": ExactIndex,
    "lsh": LSHIndex,
    "hnsw": HNSWIndex,
    "ivf": IVFIndex,
    "ivfpq": IVFPQIndex,
}
"""Every index by its kind; a new one is one file and one line here, and the contract test then covers it."""


def index_class(kind: str) -> type[Index]:
    """The class of a kind of index.

    Raises:
        OptionError: there is no such kind.
    """
    if kind not in INDEXES:
        raise OptionError(f"index {kind!r} is unknown; give one of {', '.join(INDEXES)}")
    return INDEXES[kind]


def load_index(folder: str | Path, kinds: Kinds = INDEXES) -> Index:
    """Read an index of any of the kinds from a folder that `Index.save` wrote.

    Raises:
        SearchError: there is no index, or its files are damaged or of a later version.
    """
    description, arrays = store.load(Path(folder))
    try:
        kind = description["kind"]
        if kind not in kinds:
            raise ValueError(f"kind {kind!r} is unknown")
        return kinds[kind](description["metric"], **description["given"]).restored(description, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise SearchError(
            f"{folder} holds no index that this version can read ({type(error).__name__}: {error}); "
            "build the index again, or update lookalike"
        ) from None
