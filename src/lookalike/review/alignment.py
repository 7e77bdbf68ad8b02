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


def agreement(fixed: Tensor, moving: Tensor, maps: Tensor) -> Laid:
    """How well pictures (n, S, S), luma from 0 to 1, agree under maps."""
    at = coordinates(fixed.shape[-1])
    values, inside = warped(moving[:, None], maps, at)
    return Laid(maps, *_judged(fixed.flatten(1), values[:, 0], inside)[:2])


def _judged(fixed: Tensor, values: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Correlation, overlap, difference, weights and the moving pictures' deviation."""
    target, _ = normalised(fixed, inside)
    shown, _ = normalised(values, inside)
    weights = inside / (1 + ((target - shown) / LET_GO).square())
    target, _ = normalised(fixed, weights)
    shown, deviation = normalised(values, weights)
    total = weights.sum(1).clamp_min(1e-6)
    return (weights * target * shown).sum(1) / total, inside.mean(1), target - shown, weights, deviation


def aligned(fixed: Tensor, moving: Tensor, maps: Tensor, steps: int) -> Laid:
    """Better maps by up to `steps` of Gauss-Newton: pictures (n, S, S), luma from 0 to 1.

    A step that makes it worse is taken back, and the pair left as it is.
    """
    at = coordinates(fixed.shape[-1])
    stack, target = gradients(moving), fixed.flatten(1)
    best = agreement(fixed, moving, maps)
    maps = maps.clone()
    for _ in range(steps):
        values, inside = warped(stack, maps, at)
        _, _, difference, weights, deviation = _judged(target, values[:, 0], inside)
        slopes = values[:, 1:] / deviation[:, None]
        rows = (slopes[:, :, None] * at.T[None, None]).flatten(1, 2)  # (n, 6, P): of the map's six numbers
        mean = (weights[:, None] * rows).sum(2, keepdim=True) / weights.sum(1).clamp_min(1e-6)[:, None, None]
        rows = rows - mean
        scaled = rows * weights[:, None]
        normal = scaled @ rows.transpose(1, 2)
        right = (scaled @ difference[:, :, None])[:, :, 0]
        size = torch.diagonal(normal, dim1=1, dim2=2).mean(1).clamp_min(1e-6)
        normal = normal + torch.eye(6) * (DAMPING * size)[:, None, None]
        step = torch.linalg.solve(normal, right).clamp(-LARGEST_STEP, LARGEST_STEP)
        maps = maps + step.reshape(-1, 2, 3)
        now = agreement(fixed, moving, maps)
        better = (now.agreement > best.agreement) & (now.overlap >= LEAST_OVERLAP)
        best = Laid(
            torch.where(better[:, None, None], maps, best.maps),
            torch.where(better, now.agreement, best.agreement),
            torch.where(better, now.overlap, best.overlap),
        )
        lost = now.overlap < LEAST_OVERLAP
        maps = torch.where(lost[:, None, None], best.maps, maps)
    return best
