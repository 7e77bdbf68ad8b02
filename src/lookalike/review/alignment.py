"""Two pictures laid over one another: the affine map and the light under which they agree best, many pairs at once.

Gauss-Newton on the normalised difference (as ECC: Evangelidis and Psarakis, 2008), from coarse to fine, with weights
that let go of what is not in both pictures, such as text that was laid over one of them.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

LET_GO = 0.6
"""Standard deviations of a picture: a difference of so much counts half."""
DAMPING = 1e-3
LEAST_OVERLAP = 0.15
"""Of a picture's area: maps that leave less of it are not followed further."""
LEAST_VARIANCE = 1e-5
"""Of luma from 0 to 1: below it there is nothing to align."""
LARGEST_STEP = 0.25
"""Of half a side, in one iteration."""


class Laid(NamedTuple):
    """How pictures lie: maps (n, 2, 3) from the fixed picture's coordinates (-1 to 1) to the moving one's."""

    maps: Tensor
    agreement: Tensor
    """(n,): weighted correlation where they overlap, -1 to 1."""
    overlap: Tensor
    """(n,): the share of the fixed picture that the moving one covers."""


def coordinates(side: int) -> Tensor:
    """(side * side, 3): x, y from -1 to 1 at the centres of pixels, and 1."""
    line = (torch.arange(side, dtype=torch.float32) * 2 + 1) / side - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1), torch.ones(side * side)], 1)


def warped(moving: Tensor, maps: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Moving pictures (n, c, S, S) at mapped coordinates (P, 3): (n, c, P); 1 where they have any, else 0: (n, P)."""
    grid = at @ maps.transpose(1, 2)
    values = functional.grid_sample(moving, grid[:, None], "bilinear", "border", align_corners=False)[:, :, 0]
    inside = (grid.abs() <= 1).all(-1).float()
    return values, inside


def normalised(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """(n, P) without their weighted mean, over their weighted standard deviation; and that deviation (n, 1)."""
    total = weights.sum(1, keepdim=True).clamp_min(1e-6)
    centred = values - (weights * values).sum(1, keepdim=True) / total
    deviation = ((weights * centred.square()).sum(1, keepdim=True) / total).clamp_min(LEAST_VARIANCE).sqrt()
    return centred / deviation, deviation


def gradients(pictures: Tensor) -> Tensor:
    """(n, S, S) -> (n, 3, S, S): the pictures, and their slopes along x and y for a step of 1 in coordinates."""
    half = pictures.shape[-1] / 2
    padded = functional.pad(pictures[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    x = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) * (half / 2)
    y = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) * (half / 2)
    return torch.stack([pictures, x, y], 1)


class _Judged(NamedTuple):
    """How pictures agree under a map: the first two as in `Laid`; by pixels (n, P) their difference and weights."""

    agreement: Tensor
    overlap: Tensor
    difference: Tensor
    weights: Tensor
    deviation: Tensor
    """(n, 1): the moving pictures' own."""


def _judged(fixed: Tensor, values: Tensor, inside: Tensor) -> _Judged:
    target, _ = normalised(fixed, inside)
    shown, _ = normalised(values, inside)
    weights = inside / (1 + ((target - shown) / LET_GO).square())
    target, _ = normalised(fixed, weights)
    shown, deviation = normalised(values, weights)
    total = weights.sum(1).clamp_min(1e-6)
    agreement = (weights * target * shown).sum(1) / total
    return _Judged(agreement, inside.mean(1), target - shown, weights, deviation)


def aligned(fixed: Tensor, moving: Tensor, maps: Tensor, steps: int) -> Laid:
    """Better maps by up to `steps` of Gauss-Newton: pictures (n, S, S), luma from 0 to 1.

    Of all steps the best map is kept; a pair that a step leaves with too little overlap is not followed further.
    """
    at = coordinates(fixed.shape[-1])
    stack, target = gradients(moving), fixed.flatten(1)
    values, inside = warped(stack, maps, at)
    now = _judged(target, values[:, 0], inside)
    best = Laid(maps, now.agreement, now.overlap)
    lost = torch.zeros(len(fixed), dtype=torch.bool)
    for _ in range(steps):
        maps = maps + _step(values[:, 1:], now, at).reshape(-1, 2, 3)
        values, inside = warped(stack, maps, at)
        now = _judged(target, values[:, 0], inside)
        lost |= now.overlap < LEAST_OVERLAP
        better = (now.agreement > best.agreement) & ~lost
        best = Laid(
            torch.where(better[:, None, None], maps, best.maps),
            torch.where(better, now.agreement, best.agreement),
            torch.where(better, now.overlap, best.overlap),
        )
    return best


def _step(slopes: Tensor, now: _Judged, at: Tensor) -> Tensor:
    """What to add to the six numbers of each map, (n, 6): the normal equations, solved.

    A map's slopes are those of the picture, (n, 2, P), times x, y and 1. Their products are summed over pixels as those
    of the picture times x^2, x y and so on, which asks for less memory than rows of six numbers a pixel.
    """
    slopes = slopes / now.deviation[:, None]
    weighted = slopes * now.weights[:, None]
    squares = (at[:, :, None] * at[:, None]).flatten(1)  # (P, 9)
    pairs = torch.stack(
        [weighted[:, 0] * slopes[:, 0], weighted[:, 0] * slopes[:, 1], weighted[:, 1] * slopes[:, 1]], 1
    )
    xx, xy, yy = (pairs @ squares).reshape(-1, 3, 3, 3).unbind(1)
    normal = torch.cat([torch.cat([xx, xy], 2), torch.cat([xy, yy], 2)], 1)
    total = now.weights.sum(1).clamp_min(1e-6)[:, None]
    sums = (weighted @ at).flatten(1)
    normal = normal - sums[:, :, None] * sums[:, None] / total[:, :, None]
    right = ((weighted * now.difference[:, None]) @ at).flatten(1)
    right = right - sums * (now.weights * now.difference).sum(1, keepdim=True) / total
    size = torch.diagonal(normal, dim1=1, dim2=2).mean(1).clamp_min(1e-6)
    normal = normal + torch.eye(6) * (DAMPING * size)[:, None, None]
    step: Tensor = torch.linalg.solve(normal, right).clamp(-LARGEST_STEP, LARGEST_STEP)
    return step
