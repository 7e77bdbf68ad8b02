"""Squares of large pictures at their own scale, for who learns from detail rather than from whole pictures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from lookalike.data.images import Pixels
from lookalike.errors import OptionError


def tiles(picture: Pixels, side: int) -> Pixels:
    """Squares that cover a picture (H, W, C), evenly apart and as few as can be: (N, side, side, C).

    None of a picture that is smaller than a square.

    Raises:
        OptionError: `side` is below 1.
    """
    if side < 1:
        raise OptionError(f"side is {side}; give 1 or more pixels")
    tops, lefts = (_starts(length, side) for length in picture.shape[:2])
    cut = [picture[top : top + side, left : left + side] for top in tops for left in lefts]
    return np.stack(cut) if cut else np.empty((0, side, side, picture.shape[2]), np.uint8)


def all_tiles(pictures: Iterable[Pixels], side: int) -> Pixels:
    """Those of several pictures (H, W, 3) of any sizes, one after the other. Raises as `tiles`."""
    return np.concatenate([np.empty((0, side, side, 3), np.uint8), *(tiles(one, side) for one in pictures)])


def _starts(length: int, side: int) -> list[int]:
    if length < side:
        return []
    count = -(-length // side)
    return np.linspace(0, length - side, count).round().astype(int).tolist() if count > 1 else [0]
