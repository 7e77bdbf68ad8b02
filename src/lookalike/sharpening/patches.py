"""How differently patches of drawn and of real pictures are distributed, as a loss: band by band of detail."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lookalike.appearance import BINOMIAL, COARSEST, PATCH

DIRECTIONS = 16
"""Of patches that are looked along in a step; the next step looks along other ones."""
TOGETHER = 0.25
"""Share of the distance of all pictures' patches together; the rest is of each quarter of each picture by itself."""
PLACES = 20
"""Patches that are taken at most along each side of a picture, at even steps from a place drawn for the batch."""
STREAM = 101
"""Of random numbers."""
LEAST_SPREAD = 1e-4
"""What a channel's standard deviation is taken for at least: a band that is flat tells nothing."""


def patches_apart(drawn: Tensor, real: Tensor, seed: int, step: int) -> Tensor:
    """Mean sliced Wasserstein distance of patches over the fine bands of pictures float32 (N, C, H, W) twice: a scalar.

    Both sets become a Laplacian pyramid; from each band but the coarsest, patches of 7 x 7 pixels are projected on
    random directions of length 1, sorted, and subtracted. Three parts of four sort the patches of each quarter of a
    picture by themselves, so that detail is drawn where the real picture has it; one part sorts those of all pictures
    together, so that there is as much of it as there should be, since of what cannot be known where it is a quarter by
    itself gets too little. Directions and places come from (seed, step). Channels are divided by their standard
    deviation in the band's real pictures.

    Source: Elnekave and Weiss, "Generating natural images with direct patch distribution matching", 2022, for all
    together; the bands and the scale as `appearance.sliced_wasserstein` has them.
    """
    generator = np.random.default_rng([seed, STREAM, step])
    with torch.autocast(real.device.type, enabled=False):
        bands = zip(fine_bands(drawn.float()), fine_bands(real), strict=True)
        return torch.stack([_apart(*band, generator) for band in bands]).mean()


def fine_bands(pictures: Tensor) -> list[Tensor]:
    """The bands of `appearance.laplacian_pyramid` but the last, as tensors (N, C, h, w); of small pictures that one."""
    bands, rest = [], pictures
    while min(rest.shape[-2:]) >= 2 * COARSEST:
        lower = _blurred(rest, 1.0)[..., ::2, ::2]
        spread = torch.zeros_like(rest)
        spread[..., ::2, ::2] = lower
        bands.append(rest - _blurred(spread, 2.0))
        rest = lower
    return bands or [rest]


def _apart(drawn: Tensor, real: Tensor, generator: np.random.Generator) -> Tensor:
    sides = [min(PATCH, side) for side in real.shape[-2:]]
    directions = generator.normal(size=(DIRECTIONS, real.shape[1], *sides))
    directions /= np.linalg.norm(directions.reshape(DIRECTIONS, -1), axis=1).reshape(-1, 1, 1, 1)
    kernel = torch.from_numpy(directions.astype(np.float32)).to(real.device)
    rooms = [side - patch + 1 for side, patch in zip(real.shape[-2:], sides, strict=True)]
    strides = [-(-room // PLACES) for room in rooms]
    top, left = (int(generator.integers(stride)) for stride in strides)
    scale = real.std(dim=(0, 2, 3), keepdim=True).clamp_min(LEAST_SPREAD)
    views = [F.conv2d((one / scale)[..., top:, left:], kernel, stride=strides) for one in (drawn, real)]
    together = _distance(*(view.transpose(0, 1).flatten(1) for view in views))
    within = _distance(*(_quarters(view) for view in views))
    return TOGETHER * together + (1 - TOGETHER) * within


def _quarters(view: Tensor) -> Tensor:
    """The rows of numbers of each quarter of (N, D, h, w): an odd row or column is left out, one alone stays whole."""
    rows, columns = (max(1, side // 2) for side in view.shape[-2:])
    parts = view.unfold(2, rows, rows).unfold(3, columns, columns)
    return parts.flatten(4).flatten(0, 3)


def _distance(rows: Tensor, others: Tensor) -> Tensor:
    """Mean Wasserstein-1 distance of rows of as many numbers."""
    return (rows.sort(dim=1).values - others.sort(dim=1).values).abs().mean()


def _blurred(pictures: Tensor, gain: float) -> Tensor:
    """By the binomial filter along both sides, times `gain` along each; mirrored at the borders."""
    planes = pictures.flatten(0, 1)[:, None]
    kernel = gain * torch.from_numpy(BINOMIAL).to(pictures.device)
    across = F.conv2d(F.pad(planes, (2, 2, 0, 0), mode="reflect"), kernel.view(1, 1, 1, -1))
    return F.conv2d(F.pad(across, (0, 0, 2, 2), mode="reflect"), kernel.view(1, 1, -1, 1)).view(pictures.shape)
