"""Whether one picture is a changed copy of another: laid over one another, compared block by block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lookalike.review.alignment import LEAST_VARIANCE, Laid, aligned, gradients, warped

COARSE, MIDDLE = 24, 48
STEPS = (8, 5, 3)
"""Of the alignment at each of the three sizes."""
BLOCKS = 8
"""A side: blocks of 12 x 12 pixels."""
TEXTURED = 4e-4
"""Variance of luma from 0 to 1 in a block, 5 levels of 255: below it there is little but noise to recognise."""
LEAST_TEXTURED = 6
"""Blocks that must tell something."""
PINNED, PINNED_OF_OTHER = 1e-5, 0.05
"""Mean square slope of luma a pixel, 0.8 levels of 255, that both pictures share in the direction in which a block has
least of it; and its share of that in the other direction."""
LOWER = 0.3
"""Share of the blocks that may be unlike, as under a line of text."""
LEAST_OVERLAP = 0.2
HOPELESS = 0.9
"""Agreement at the coarse size below which pairs are not followed."""
BLOCKS_WORSE = 0.15
"""The median of blocks may be that much below `HOPELESS` at the middle size, and the pair is followed still."""
_AT_ONCE = 128

Rectangle = npt.NDArray[np.float32]


class Alike(NamedTuple):
    """What was found of pairs, (n,) each.

    `likeness` is the median correlation of their blocks that tell something, 0 to 1, and `lower` what 30% of
    these blocks stays below; `pinned` how many of them tell in both directions where they lie; `overlap` the share of
    the fixed picture that the moving one covers.
    """

    likeness: npt.NDArray[np.float32]
    lower: npt.NDArray[np.float32]
    pinned: npt.NDArray[np.float32]
    overlap: npt.NDArray[np.float32]


def alike(
    fixed: npt.NDArray[np.uint8], moving: npt.NDArray[np.uint8], parts: Rectangle, hopeless: float = HOPELESS
) -> Alike:
    """Compare pictures (n, SIDE, SIDE) of luma; `parts` (n, 4): what of the moving one may be all of the fixed.

    The part is left, top, right, bottom as shares of its sides. Pairs that agree by less than `hopeless` at the coarse
    size, or in their blocks at the middle one, are not followed.
    """
    found = []
    for start in range(0, len(fixed), _AT_ONCE):
        some = [torch.from_numpy(one[start : start + _AT_ONCE].astype(np.float32)) for one in (fixed, moving, parts)]
        found.append(_alike(some[0], some[1], some[2], hopeless))
    if not found:
        return Alike(*(np.empty(0, np.float32) for _ in Alike._fields))
    return Alike(*(np.concatenate(one) for one in zip(*found, strict=True)))


@torch.inference_mode()
def _alike(fixed: Tensor, moving: Tensor, parts: Tensor, hopeless: float) -> Alike:
    fixed, moving = fixed / 255, moving / 255
    maps = _maps_of(parts)
    laid = aligned(_smaller(fixed, COARSE), _smaller(moving, COARSE), maps, STEPS[0])
    found = torch.zeros(len(Alike._fields), len(fixed))
    kept = torch.nonzero((laid.agreement >= hopeless) & (laid.overlap >= LEAST_OVERLAP))[:, 0]
    if len(kept):
        smaller = _smaller(fixed[kept], MIDDLE), _smaller(moving[kept], MIDDLE)
        middle = aligned(*smaller, laid.maps[kept], STEPS[1])
        is_left = blockwise(*smaller, middle)[0] >= hopeless - BLOCKS_WORSE
        kept, maps = kept[is_left], middle.maps[is_left]
    if len(kept):
        final = aligned(fixed[kept], moving[kept], maps, STEPS[2])
        found[:, kept] = torch.stack([*blockwise(fixed[kept], moving[kept], final), final.overlap])
    return Alike(*found.numpy())


def _maps_of(parts: Tensor) -> Tensor:
    left, top, right, bottom = (2 * parts - 1).unbind(1)
    none = torch.zeros_like(left)
    across = torch.stack([(right - left) / 2, none, (left + right) / 2], 1)
    down = torch.stack([none, (bottom - top) / 2, (top + bottom) / 2], 1)
    return torch.stack([across, down], 1)


def _smaller(pictures: Tensor, side: int) -> Tensor:
    return functional.avg_pool2d(pictures[:, None], pictures.shape[-1] // side)[:, 0]


def blockwise(fixed: Tensor, moving: Tensor, laid: Laid) -> tuple[Tensor, Tensor, Tensor]:
    """The median and the 30th percentile of the correlation of textured blocks, 0 to 1, and how many are pinned: (n,).

    The first two are 0 where fewer than `LEAST_TEXTURED` blocks tell anything.
    """
    values, inside = warped(moving[:, None], laid.maps)
    shown, covered = values.reshape(fixed.shape), _blocks(inside.reshape(fixed.shape))
    a, b = (one - one.mean(2, keepdim=True) for one in (_blocks(fixed), _blocks(shown)))
    variances = a.square().mean(2), b.square().mean(2)
    correlation = (a * b).mean(2) / (variances[0] * variances[1]).clamp_min(LEAST_VARIANCE**2).sqrt()
    tells = (torch.maximum(*variances) >= TEXTURED) & (covered.mean(2) > 0.99)
    correlation = torch.where(tells, correlation, torch.nan)
    enough = tells.sum(1) >= LEAST_TEXTURED
    lower = torch.nanquantile(correlation, LOWER, dim=1)
    median, lower = (
        torch.where(enough, one, torch.zeros(())).nan_to_num().clamp(0, 1)
        for one in (correlation.nanmedian(1).values, lower)
    )
    return median, lower, (tells & _are_pinned(fixed, shown)).sum(1)


def _are_pinned(fixed: Tensor, shown: Tensor) -> Tensor:
    """Which blocks of pictures (n, S, S) that lie over one another tell where in both directions: (n, blocks).

    Along a straight edge a block is like itself wherever it lies (the aperture problem), and affine maps lay any such
    edge over any other: that two agree says nothing there. So the smaller eigenvalue of the structure tensor counts
    (Shi and Tomasi, 1994), here of the products of the one picture's slopes with the other's: what only one of them
    has, as noise, is averaged out of it.
    """
    half = fixed.shape[-1] / 2
    (ax, ay), (bx, by) = ((gradients(one)[:, 1:] / half).unbind(1) for one in (fixed, shown))
    xx, yy, xy = (_blocks(one).mean(2) for one in (ax * bx, ay * by, (ax * by + ay * bx) / 2))
    middle, apart = (xx + yy) / 2, torch.hypot((xx - yy) / 2, xy)
    return (middle - apart >= PINNED) & (middle - apart >= PINNED_OF_OTHER * (middle + apart))


def _blocks(pictures: Tensor) -> Tensor:
    """(n, S, S) -> (n, BLOCKS * BLOCKS, pixels)."""
    count, side = len(pictures), pictures.shape[-1] // BLOCKS
    split = pictures.reshape(count, BLOCKS, side, BLOCKS, side).transpose(2, 3)
    return split.reshape(count, BLOCKS * BLOCKS, side * side)
