"""What a network is shown in an epoch: order, pieces, colours and noise, all from (seed, epoch, picture) alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lookalike.data.images import Pixels
from lookalike.noise import NOT_TOLD, Noise, corrupt, sigmas
from lookalike.training.augmentation import Jitter, Places, Wobble
from lookalike.training.recipe import Recipe

_ORDER, _FLIPS, _TOLD, _PIECES, _GREYS, _JITTER, _WOBBLE = range(7)
"""Streams of random numbers of an epoch."""


class Shown:
    """The batches of one epoch over uint8 (N, H, W, C); with `tells_level`, half of the noise levels are told."""

    def __init__(
        self,
        pictures: Pixels,
        recipe: Recipe,
        noise: Noise | None,
        seed: int,
        epoch: int,
        device: torch.device,
        *,
        tells_level: bool = False,
    ) -> None:
        self.pictures_ = pictures
        self.size = recipe.batch_size
        self.noise = noise
        self.seed = seed
        self.epoch = epoch
        self.device = device
        self.order: Places = _stream(seed, epoch, _ORDER).permutation(len(pictures))
        self.mirrored = _stream(seed, epoch, _FLIPS).random(len(pictures)) < 0.5 if recipe.flips else None
        self.told = _stream(seed, epoch, _TOLD).random(len(pictures)) < 0.5 if tells_level else None
        self.grey = _stream(seed, epoch, _GREYS).random(len(pictures)) < recipe.greys if recipe.greys else None
        self.wobble = Wobble(_stream(seed, epoch, _WOBBLE), len(pictures), recipe.wobble) if recipe.wobble else None
        self.jitter = Jitter(_stream(seed, epoch, _JITTER), len(pictures), recipe.jitter) if recipe.jitter else None
        self.piece = recipe.piece
        # Where pieces lie, as shares of the room they have
        self.corners = _stream(seed, epoch, _PIECES).random((len(pictures), 2)) if recipe.piece else None

    def batches(self, done: int = 0) -> Iterator[Places]:
        """Places of the pictures of each batch, without the first `done` batches."""
        for start in range(done * self.size, len(self.order), self.size):
            yield self.order[start : start + self.size]

    def pictures(self, members: Places) -> tuple[Tensor, ...]:
        """(clean, given to the network), each float32 (n, C, H, W): the same tensor where there is no noise.

        A network that is told levels is given them as a third: float32 (n,), standard deviations or `NOT_TOLD`.
        """
        chosen = self.pictures_[members] if self.corners is None else self._pieces(members, self.corners[members])
        if self.mirrored is not None:
            turned = self.mirrored[members]
            chosen[turned] = chosen[turned, :, ::-1]
        clean = as_batch(chosen, self.device)
        if self.wobble is not None:
            clean = self.wobble(clean, members)
        if self.jitter is not None:
            clean = self.jitter(clean, members)
        if self.grey is not None:
            clean = _uncoloured(clean, self.grey[members], clean.mean(dim=1, keepdim=True))
        noisy = clean
        if self.noise is not None:
            noisy = with_noise(clean, self.noise, self.seed, self.epoch, members)
            if self.grey is not None:
                noisy = _uncoloured(noisy, self.grey[members], noisy[:, :1])  # one channel's noise, in all alike
        return (clean, noisy) if self.told is None else (clean, noisy, self._levels(members, self.told[members]))

    def _pieces(self, members: Places, corners: npt.NDArray[np.float64]) -> Pixels:
        """One square piece of each picture, or all of it along a side that is no longer than a piece."""
        height, width = (min(side, self.piece) for side in self.pictures_.shape[1:3])
        room = np.array([self.pictures_.shape[1] - height, self.pictures_.shape[2] - width])
        places = np.floor(corners * (room + 1)).astype(np.int64)
        cut = (
            self.pictures_[member, top : top + height, left : left + width]
            for member, (top, left) in zip(members, places, strict=True)
        )
        return np.stack(list(cut))

    def _levels(self, members: Places, told: npt.NDArray[np.bool_]) -> Tensor:
        levels = np.full(len(members), NOT_TOLD, np.float32)
        if self.noise is not None:
            drawn = sigmas(self.noise, seed=self.seed, epoch=self.epoch, indices=members)
            levels = np.where(told & np.isfinite(drawn), drawn, levels)
        return torch.from_numpy(levels).to(self.device)


def with_noise(clean: Tensor, noise: Noise, seed: int, epoch: int, members: Iterable[int]) -> Tensor:
    """float32 (n, C, H, W) with the noise that the pictures at those places get in an epoch."""
    floats = clean.permute(0, 2, 3, 1).cpu().numpy()
    noisy = corrupt(floats, noise, seed=seed, epoch=epoch, indices=members)
    return torch.from_numpy(noisy).to(clean.device).permute(0, 3, 1, 2)


def _uncoloured(pictures: Tensor, grey: npt.NDArray[np.bool_], plane: Tensor) -> Tensor:
    """Those of (n, C, H, W) that are to be grey have `plane` (n, 1, H, W) in all of their channels."""
    return torch.where(torch.from_numpy(grey).to(pictures.device).view(-1, 1, 1, 1), plane, pictures)


def as_batch(pictures: Pixels, device: torch.device) -> Tensor:
    """uint8 (n, H, W, C) -> float32 (n, C, H, W) in [-0.5, 0.5], channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float() / 255 - 0.5


def _stream(seed: int, epoch: int, purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=np.array([seed, epoch + (purpose << 40)], np.uint64)))
