"""What the U-Net's PyTorch module and its ONNX graph have in common, without PyTorch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError

HALVINGS = 2


def stride_of(fold: int) -> int:
    """Sides are continued to multiples of this; `fold` x `fold` pixels are one place of the finest scale."""
    return fold << HALVINGS


LEVEL_SCALE = 10
"""Brings levels to about 1; smaller, the network learns to judge for itself before it learns to listen."""


def reach_of(blocks: int, fold: int = 1) -> int:
    """How many pixels away, along an axis, a pixel of the input can at most change one of the output."""
    ends = 2  # head and tail
    sides = 2 * sum(2 * blocks * (1 << i) for i in range(HALVINGS))  # two convolutions a block, down and up
    bottom = 2 * blocks * (1 << HALVINGS)
    # a convolution at a scale reaches on from anywhere in its cell
    return fold * (ends + sides + bottom) + stride_of(fold) - 1


def piece_reach(blocks: int, fold: int = 1) -> int:
    """`reach_of`, in whole cells of the coarsest scale, on which pieces of a picture have to begin."""
    stride = stride_of(fold)
    return -(-reach_of(blocks, fold) // stride) * stride


def checked_levels(
    level: float | npt.ArrayLike, count: int, sides: tuple[int, ...] | None = None
) -> npt.NDArray[np.float32]:
    """One level for each of `count` pictures: float32 (count,), standard deviations of noise, a picture spanning 1.

    Where `sides` (H, W) are given, one for each pixel will do as well: float32 (count, H, W).

    Raises:
        OptionError: a level is out of range, or there are neither one nor `count` of them.
    """
    levels = np.asarray(level, np.float32)
    by_pixel = None if sides is None else (count, *sides)
    if levels.shape not in ((), (count,), by_pixel):
        further = "" if by_pixel is None else f", or one for each of their pixels, {by_pixel}"
        raise OptionError(
            f"levels of shape {levels.shape} for {count} pictures; give one number, or one for each{further}"
        )
    if not ((levels >= 0) & (levels <= 1)).all():
        wrong = float(levels[~((levels >= 0) & (levels <= 1))].ravel()[0])
        raise OptionError(f"level is {wrong:g}; give the noise's standard deviation from 0 to 1 (a picture spans 1)")
    one_each: npt.NDArray[np.float32] = np.array(levels if levels.ndim else np.full(count, levels, np.float32))
    return one_each
