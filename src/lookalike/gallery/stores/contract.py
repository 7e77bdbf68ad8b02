"""What a gallery asks of the place where its codes are: a few verbs, whatever lies behind them.

The catalog decides what a gallery holds. A store keeps rows of codes by their numbers, and makes what is searched; of
what it holds, only what the catalog names counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from lookalike.pixels import Floats
from lookalike.search.index import Kinds

_COPIED_AT_ONCE = 1 << 24
"""Bytes."""


class Named(NamedTuple):
    """What the catalog names: the codes by the number of their writing, and what holds the index's points."""

    number: int
    held_in: str | None


class Rows(Protocol):
    """Codes (N, K) that need not be in memory: indexed by rows as an array is, which gives float32 arrays."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, K)."""

    def __getitem__(self, rows: Any) -> Floats: ...

    def __len__(self) -> int: ...

    def __array__(self) -> Floats: ...


class Codes(Protocol):
    """Rows of codes that only ever grow; a row that the catalog names is never written again.

    Attributes:
        shape: of a row, (K,).
        row_bytes: of a row.
    """

    shape: tuple[int, ...]
    row_bytes: int

    def write(self, start: int, rows: npt.NDArray[Any]) -> None:
        """Write rows from number `start` on, so that they outlast this process; what lay there was named by nobody.

        Raises:
            GalleryError: they cannot be written.
        """

    def mapped(self, count: int) -> Rows:
        """The first `count` rows; they stay as they are, whatever is written later.

        Raises:
            FileNotFoundError: there are none of this number (any more).
            GalleryError: some of the rows are missing.
        """


class Store(Protocol):
    """Where the codes of one gallery are.

    Attributes:
        told: what names it, as `--store` takes it.
        kinds: the indexes that can be built over codes that are here, by their names.
    """

    told: str

    @property
    def kinds(self) -> Kinds:
        """See the attributes."""

    def reach(self) -> None:
        """See that it answers. Raises GalleryError where it does not."""

    def codes(self, number: int, size: int) -> Codes:
        """The rows of codes of `size` numbers as they are called at their `number`-th writing."""

    def clean(self, named: Named | None, count: int, before: Named | None = None) -> None:
        """Remove whatever the catalog does not name; with the gallery's lock held.

        Args:
            named: what it names; None: nothing, all goes.
            count: rows of the codes that it names.
            before: what it named until just now, and who began to read then goes on reading: where it would be missed,
                it stays until the next call.
        """


def copied(
    old: Codes,
    new: Codes,
    rows: npt.NDArray[np.int64],
    count: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Copy the given ones of `count` rows, in their order, some at a time; `progress` hears (copied, in all)."""
    mapped = old.mapped(count)
    step = max(1, _COPIED_AT_ONCE // max(1, old.row_bytes))
    for start in range(0, len(rows), step):
        new.write(start, mapped[rows[start : start + step]])
        if progress is not None:
            progress(min(start + step, len(rows)), len(rows))
