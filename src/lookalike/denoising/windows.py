"""A model of pictures of any size goes over a large one window by window, and the result shows no trace of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lookalike.data.images import Pixels
from lookalike.models.base import Floats, centre, to_uint8

WINDOW = 256
"""Side of what a window adds to the result, in pixels."""


def by_windows(restore: Callable[[Floats], Floats], source: Pixels | Floats, reach: int) -> Pixels:
    """Restore one picture (H, W, C), uint8 or centred float, of any size -> uint8 (H, W, C).

    A window sees `reach` pixels more on every side, as far as the picture goes: all that can change its result. So the
    whole is what the model would make of the picture at once, to rounding, and memory is that of one window.
    """
    result = np.empty(source.shape, np.uint8)
    for rows, seen_rows in _spans(source.shape[0], reach):
        for columns, seen_columns in _spans(source.shape[1], reach):
            restored = restore(centre(source[seen_rows, seen_columns])[None])[0]
            top, left = rows.start - seen_rows.start, columns.start - seen_columns.start
            kept = restored[top : top + rows.stop - rows.start, left : left + columns.stop - columns.start]
            result[rows, columns] = to_uint8(kept)
    return result


def turned_by_windows(restore: Callable[[Floats], Floats], source: Pixels | Floats, reach: int) -> Pixels:
    """The mean over the picture's four quarter turns of what `by_windows` makes of each, turned back.

    The picture is turned, not the window: a network that halves its grid sees all windows of a turn on one grid.
    """
    total = np.zeros(source.shape, np.uint16)
    for quarters in range(4):
        turned: Any = np.ascontiguousarray(np.rot90(source, quarters))
        total += np.rot90(by_windows(restore, turned, reach), -quarters)
    return ((total + 2) // 4).astype(np.uint8)


def _spans(side: int, reach: int) -> Iterator[tuple[slice, slice]]:
    """(what a window adds, what it sees) along one axis."""
    for start in range(0, side, WINDOW):
        stop = min(start + WINDOW, side)
        yield slice(start, stop), slice(max(start - reach, 0), min(stop + reach, side))
