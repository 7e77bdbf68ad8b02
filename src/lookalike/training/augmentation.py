"""Pictures changed at random, as a camera and its light might have, so that a network learns more than it is given."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

Places = npt.NDArray[np.int64]


class Jitter:
    """Other contrast, colour and brightness for each of `count` pictures.

    Args:
        stream: of all random numbers.
        largest: change of contrast, as a share of it. Each colour's changes by up to a third of that besides, the
            brightness by up to half of it, as a share of the whole range.
    """

    def __init__(self, stream: np.random.Generator, count: int, largest: float) -> None:
        contrast = stream.uniform(-largest, largest, (count, 1))
        tint = stream.uniform(-largest / 3, largest / 3, (count, 3))
        self.factors = (1 + contrast + tint).astype(np.float32)
        self.added = stream.uniform(-largest / 2, largest / 2, (count, 1)).astype(np.float32)

    def __call__(self, pictures: Tensor, members: Places) -> Tensor:
        """Float32 (n, C, H, W) in [-0.5, 0.5], cut to that range again; `members` says which of the `count`."""
        scale, shift = (
            torch.from_numpy(drawn[members]).to(pictures.device)[..., None, None]
            for drawn in (self.factors, self.added)
        )
        mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
        result: Tensor = ((pictures - mean) * scale[:, : pictures.shape[1]] + mean + shift).clamp(-0.5, 0.5)
        return result


class Wobble:
    """Another place, size and angle for each of `count` pictures.

    Args:
        stream: of all random numbers.
        largest: shift, as a share of each side, and change of size; the angle is up to twice that, in radians.
    """

    def __init__(self, stream: np.random.Generator, count: int, largest: float) -> None:
        size = 1 + stream.uniform(-largest, largest, count)
        angle = stream.uniform(-2 * largest, 2 * largest, count)
        self.turns = (size * np.stack([np.cos(angle), np.sin(angle)])).T.astype(np.float32)
        self.shifts = stream.uniform(-2 * largest, 2 * largest, (count, 2)).astype(np.float32)  # a side measures 2

    def __call__(self, pictures: Tensor, members: Places) -> Tensor:
        """Float32 (n, C, H, W) in [-0.5, 0.5], by bicubic interpolation, cut to that range; edges go on outside."""
        height, width = pictures.shape[2:]
        along, across = self.turns[members].T
        right, down = self.shifts[members].T
        rows = [[along, -across * (height / width), right], [across * (width / height), along, down]]
        maps = torch.from_numpy(np.array(rows, np.float32).transpose(2, 0, 1).copy()).to(pictures.device)
        grid = F.affine_grid(maps, list(pictures.shape), align_corners=False)
        moved = F.grid_sample(pictures, grid, mode="bicubic", padding_mode="border", align_corners=False)
        return moved.clamp(-0.5, 0.5).contiguous(memory_format=torch.channels_last)
