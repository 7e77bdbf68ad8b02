"""Two pictures laid over one another: the affine map and the light under which they agree best, many pairs at once.

Gauss-Newton on the normalised difference (as ECC: Evangelidis and Psarakis, 2008), from coarse to fine, with weights
that let go of what is not in both pictures, such as text that was laid over one of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from lookalike.kernels import Limits, lay_over

LET_GO = 0.6
"""Standard deviations of a picture: a difference of so much counts half."""
DAMPING = 1e-3
LEAST_OVERLAP = 0.15
"""Of a picture's area: maps that leave less of it are not followed further."""
LEAST_VARIANCE = 1e-5
"""Of luma from 0 to 1: below it there is nothing to align."""
LARGEST_STEP = 0.25
"""Of half a side, in one iteration."""
LIMITS = Limits(LET_GO, DAMPING, LEAST_OVERLAP, LEAST_VARIANCE, LARGEST_STEP)
OF_X, OF_Y = torch.tensor([1, 0, 0]), torch.tensor([0, 1, 0])
"""The powers of x and of y in each of x, y and 1."""


class Laid(NamedTuple):
    """How pictures lie: maps (n, 2, 3) from the fixed picture's coordinates (-1 to 1) to the moving one's."""

    maps: Tensor
    agreement: Tensor
    """(n,): weighted correlation where they overlap, -1 to 1."""
    overlap: Tensor
    """(n,): the share of the fixed picture that the moving one covers."""


def line(side: int) -> Tensor:
    """(side,): from -1 to 1, the centres of so many pixels."""
    return (torch.arange(side, dtype=torch.float32) * 2 + 1) / side - 1


def warped(moving: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
    """Moving pictures (n, c, S, S) where maps lay their pixels, (n, c, P); 1 where they have any, else 0: (n, P)."""
    at = line(moving.shape[-1])
    # A map's x and y are each a sum of what the column and what the row gives.
    x, y = (maps[:, axis, :1, None] * at + (maps[:, axis, 1:2] * at + maps[:, axis, 2:])[:, :, None] for axis in (0, 1))
    values = functional.grid_sample(moving, torch.stack([x, y], -1), "bilinear", "border", align_corners=False)
    inside = (torch.maximum(x.abs(), y.abs()) <= 1).float()
    return values.flatten(2), inside.flatten(1)


def gradients(pictures: Tensor) -> Tensor:
    """(n, S, S) -> (n, 3, S, S): the pictures, and their slopes along x and y for a step of 1 in coordinates."""
    half = pictures.shape[-1] / 2
    padded = functional.pad(pictures[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    x = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) * (half / 2)
    y = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) * (half / 2)
    return torch.stack([pictures, x, y], 1)


class _Moments(NamedTuple):
    """Of pairs of pictures under weights: means and standard deviations (n, 2), and correlations (n,)."""

    mean: Tensor
    deviation: Tensor
    correlation: Tensor


def _moments(both: Tensor, weights: Tensor) -> _Moments:
    """Pictures (n, 2, P) about 0, weights (n, P). By sums of products, which go through memory once."""
    weighted = both * weights[:, None]
    total = weights.sum(1).clamp_min(1e-6)
    mean = weighted.sum(2) / total[:, None]
    products = weighted @ both.transpose(1, 2) / total[:, None, None] - mean[:, :, None] * mean[:, None]
    deviation = torch.diagonal(products, dim1=1, dim2=2).clamp_min(LEAST_VARIANCE).sqrt()
    return _Moments(mean, deviation, products[:, 0, 1] / deviation.prod(1))


def _difference(both: Tensor, moments: _Moments) -> Tensor:
    """Of the two pictures of each pair (n, 2, P), each without its mean and over its deviation: (n, P)."""
    scale = torch.tensor([1.0, -1.0]) / moments.deviation
    return torch.baddbmm(-(scale * moments.mean).sum(1)[:, None, None], scale[:, None], both)[:, 0]


class _Judged(NamedTuple):
    """How pictures agree under a map: the first two as in `Laid`; by pixels (n, P) their difference and weights."""

    agreement: Tensor
    overlap: Tensor
    difference: Tensor
    weights: Tensor
    deviation: Tensor
    """(n,): the moving pictures' own."""


def _judged(fixed: Tensor, values: Tensor, inside: Tensor) -> _Judged:
    both = torch.stack([fixed, values], 1)
    difference = _difference(both, _moments(both, inside))
    weights = inside / torch.addcmul(torch.ones(()), difference, difference, value=LET_GO**-2)
    moments = _moments(both, weights)
    overlap = inside.mean(1)
    return _Judged(moments.correlation, overlap, _difference(both, moments), weights, moments.deviation[:, 1])


def aligned(fixed: Tensor, moving: Tensor, maps: Tensor, steps: int) -> Laid:
    """Better maps by up to `steps` of Gauss-Newton: pictures (n, S, S), luma from 0 to 1.

    Of all steps the best map is kept; a pair that a step leaves with too little overlap is not followed further.
    """
    fixed, moving = (one - one.mean((1, 2), keepdim=True) for one in (fixed, moving))  # so that sums lose no digits
    laid = lay_over(fixed, moving, maps, steps, LIMITS)
    return _aligned(fixed, moving, maps, steps) if laid is None else Laid(*laid)


def _aligned(fixed: Tensor, moving: Tensor, maps: Tensor, steps: int) -> Laid:
    """`aligned` by PyTorch's operators, of pictures without their means."""
    stack, target = gradients(moving), fixed.flatten(1)
    values, inside = warped(stack, maps)
    now = _judged(target, values[:, 0], inside)
    best = Laid(maps, now.agreement, now.overlap)
    lost = torch.zeros(len(fixed), dtype=torch.bool)
    for _ in range(steps):
        maps = maps + _step(values[:, 1:], now).reshape(-1, 2, 3)
        values, inside = warped(stack, maps)
        now = _judged(target, values[:, 0], inside)
        lost |= now.overlap < LEAST_OVERLAP
        better = (now.agreement > best.agreement) & ~lost
        best = Laid(
            torch.where(better[:, None, None], maps, best.maps),
            torch.where(better, now.agreement, best.agreement),
            torch.where(better, now.overlap, best.overlap),
        )
    return best


def _step(slopes: Tensor, now: _Judged) -> Tensor:
    """What to add to the six numbers of each map, (n, 6): the normal equations, solved.

    A map's slopes are those of the picture, (n, 2, P), times x, y and 1. Their products are summed over pixels as those
    of the picture times x^2, x y and so on, which asks for less memory than rows of six numbers a pixel; and first over
    columns, then over rows. The weighted differences sum to 0, since both pictures are without their means.
    """
    summed = torch.empty(len(slopes), 7, slopes.shape[-1])
    weighted, differing = summed[:, 3:5], summed[:, 5:]
    torch.mul(slopes, now.weights[:, None], out=weighted)
    torch.mul(weighted, now.difference[:, None], out=differing)
    for place, (one, other) in enumerate(((0, 0), (0, 1), (1, 1))):
        torch.mul(weighted[:, one], slopes[:, other], out=summed[:, place])
    side = math.isqrt(slopes.shape[-1])
    powers = line(side)[:, None] ** torch.arange(3)
    rows = (summed.reshape(-1, side) @ powers).reshape(len(slopes), 7, side, 3)
    sums = torch.einsum("njrx,ry->njxy", rows, powers)  # of all seven, by the powers of x and y
    squares = sums[:, :3, OF_X[:, None] + OF_X, OF_Y[:, None] + OF_Y]
    xx, xy, yy = squares.unbind(1)
    normal = torch.cat([torch.cat([xx, xy], 2), torch.cat([xy, yy], 2)], 1)
    first, right = (sums[:, some, OF_X, OF_Y].flatten(1) for some in (slice(3, 5), slice(5, 7)))
    total = now.weights.sum(1).clamp_min(1e-6)[:, None, None]
    normal = (normal - first[:, :, None] * first[:, None] / total) / now.deviation[:, None, None].square()
    right = right / now.deviation[:, None]
    size = torch.diagonal(normal, dim1=1, dim2=2).mean(1).clamp_min(1e-6)
    normal = normal + torch.eye(6) * (DAMPING * size)[:, None, None]
    step: Tensor = torch.linalg.solve(normal, right).clamp(-LARGEST_STEP, LARGEST_STEP)
    return step
