"""What a network is shown in an epoch: order, mirroring and noise, all from (seed, epoch, picture) alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lookalike.data.images import Pixels
from lookalike.noise import Noise, corrupt
from lookalike.training.recipe import Recipe

Places = npt.NDArray[np.int64]
_ORDER, _FLIPS = 0, 1
"""Streams of random numbers of an epoch."""


class Shown:
    """The batches of one epoch over uint8 (N, H, W, C)."""

    def __init__(
        self, pictures: Pixels, recipe: Recipe, noise: Noise | None, seed: int, epoch: int, device: torch.device
    ) -> None:
        self.pictures_ = pictures
        self.size = recipe.batch_size
        self.noise = noise
        self.seed = seed
        self.epoch = epoch
        self.device = device
        self.order: Places = _stream(seed, epoch, _ORDER).permutation(len(pictures))
        self.mirrored = _stream(seed, epoch, _FLIPS).random(len(pictures)) < 0.5 if recipe.flips else None

    def batches(self, done: int = 0) -> Iterator[Places]:
        """Places of the pictures of each batch, without the first `done` batches."""
        for start in range(done * self.size, len(self.order), self.size):
            yield self.order[start : start + self.size]

    def pictures(self, members: Places) -> tuple[Tensor, Tensor]:
        """(clean, given to the network), each float32 (n, C, H, W): the same tensor where there is no noise."""
        chosen = self.pictures_[members]
        if self.mirrored is not None:
            turned = self.mirrored[members]
            chosen[turned] = chosen[turned, :, ::-1]
        clean = as_batch(chosen, self.device)
        if self.noise is None:
            return clean, clean
        floats = clean.permute(0, 2, 3, 1).cpu().numpy()
        noisy = corrupt(floats, self.noise, seed=self.seed, epoch=self.epoch, indices=members)
        return clean, torch.from_numpy(noisy).to(self.device).permute(0, 3, 1, 2)


def as_batch(pictures: Pixels, device: torch.device) -> Tensor:
    """uint8 (n, H, W, C) -> float32 (n, C, H, W) in [-0.5, 0.5], channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float() / 255 - 0.5


def _stream(seed: int, epoch: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, epoch + (purpose << 40)], np.uint64)))
