"""Sets of dead-leaves pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from lookalike.data.framing import Framing
from lookalike.data.images import DataSpec, ImageSet, Pixels
from lookalike.data.leaves.scene import photograph
from lookalike.errors import OptionError

VERSION = "1"  # part of every cache key: raise it when the same parameters give other pixels
SMALLEST, LARGEST = 8, 512
STREAM = 1 << 32
"""Beside the seed in the key of what is drawn at random, so that no noise comes of the same numbers."""


def draw_leaves(
    indices: Iterable[int], size: int = 128, seed: int = 0, progress: Callable[[int], None] | None = None
) -> Pixels:
    """Pictures of those numbers, each a function of (`seed`, number, `size`) alone: uint8 (N, size, size, 3).

    Raises:
        OptionError: `size` is outside 8..512, or a number or the seed is negative.
    """
    numbers = list(indices)
    if not SMALLEST <= size <= LARGEST:
        raise OptionError(f"size is {size}; leaves are drawn at {SMALLEST} to {LARGEST} pixels, such as 128")
    if seed < 0 or min(numbers, default=0) < 0:
        raise OptionError(f"seed is {seed}, the least number {min(numbers, default=0)}; give 0 or more")
    pictures = np.empty((len(numbers), size, size, 3), np.uint8)
    for row, number in enumerate(numbers):
        key = np.array([seed + STREAM, number], np.uint64)
        pictures[row] = photograph(np.random.Generator(np.random.Philox(key=key)), size)
        if progress is not None:
            progress(row + 1)
    return pictures


def leaves(
    count: int = 1_000, size: int = 128, seed: int = 0, progress: Callable[[int], None] | None = None
) -> ImageSet:
    """Dead leaves, named "leaves-00000" and so on; a set of 100 is the beginning of a set of 1,000.

    Args:
        count: number of pictures, at least 2.
        size: height and width in pixels, 8 to 512. Leaves are as large at every size: a small picture shows fewer.
        seed: which world, 0 or more.
        progress: called with the number of pictures done so far.

    Raises:
        OptionError: an argument is out of range.
    """
    if count < 2:
        raise OptionError(f"count is {count}; ask for at least 2 pictures of leaves, such as 1000")
    return ImageSet(
        draw_leaves(range(count), size, seed, progress),
        [f"leaves-{number:05}" for number in range(count)],
        spec=DataSpec(f"leaves:{count}", Framing((size, size), 0, "stretch")),
    )
