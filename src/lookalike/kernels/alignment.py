"""Pictures laid over one another by the compiled kernel, in a fifth of the time that PyTorch's operators take."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lookalike.kernels.build import at_hand

LEAST_SIDE = 2
"""Of pictures that the kernel takes."""


class Limits(NamedTuple):
    """What an alignment goes by: see `review.alignment`, whose these are."""

    let_go: float
    damping: float
    least_overlap: float
    least_variance: float
    largest_step: float


def lay_over(
    fixed: Tensor, moving: Tensor, maps: Tensor, steps: int, limits: Limits
) -> tuple[Tensor, Tensor, Tensor] | None:
    """Better maps (n, 2, 3) of pictures (n, S, S) without their means, agreements and overlaps (n,); else None.

    As `review.alignment` defines it, up to rounding: sums are made in another order. None without compiled kernels.
    """
    kernels, side = at_hand(), fixed.shape[-1]
    if kernels is None or side < LEAST_SIDE:
        return None
    fixed, moving = fixed.contiguous(), moving.contiguous()
    better = maps.clone(memory_format=torch.contiguous_format)
    agreement, overlap = fixed.new_empty(2, len(fixed))
    pointers = (one.data_ptr() for one in (fixed, moving, better, agreement, overlap))
    if kernels.lay_over(*pointers, len(fixed), side, steps, *limits):
        raise MemoryError("no memory is left to lay pictures over one another")
    return better, agreement, overlap
