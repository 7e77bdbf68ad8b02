"""What a network is shown in an epoch: order, pieces, changes and noise, all from (seed, epoch, picture) alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from lookalike.noise import Noise, corrupt
from lookalike.pixels import Pixels
from lookalike.training.recipe import Recipe

Places = npt.NDArray[np.int64]

FEW = 32
"""Pictures that a set is recognised by."""

ORDER, FLIPS, LEVELS, PIECES, GREYS, JITTER, WOBBLE, TURNS = range(8)
"""Streams of random numbers of an epoch. What a model wants besides draws from one of a number of its own."""


@dataclass(frozen=True)
class Epoch:
    """What decides all that is drawn in one epoch over `count` pictures."""

    seed: int
    number: int
    count: int
    noise: Noise | None
    sides: tuple[int, int]
    """(H, W) of what is shown of a picture."""

    def stream(self, purpose: int) -> np.random.Generator:
        """Random numbers for one purpose, the same whenever and wherever they are asked for."""
        key = np.array([self.seed, self.number + (purpose << 40)], np.uint64)
        return np.random.Generator(np.random.Philox(key=key))


def sides_shown(pictures: Pixels, recipe: Recipe) -> tuple[int, int]:
    """(H, W) of what a network is shown of each of the pictures (N, H, W, C): all of it, or a piece."""
    height, width = (min(side, recipe.piece or side) for side in pictures.shape[1:3])
    return height, width


class Batches:
    """The batches of one epoch over uint8 (N, H, W, C), on a device."""

    def __init__(self, pictures: Pixels, recipe: Recipe, epoch: Epoch, device: torch.device) -> None:
        self.pictures_ = pictures
        self.size = recipe.batch_size
        self.epoch = epoch
        self.device = device
        count, stream = epoch.count, epoch.stream
        self.order: Places = stream(ORDER).permutation(count)
        self.mirrored = stream(FLIPS).random(count) < 0.5 if recipe.flips else None
        self.turned = stream(TURNS).integers(4, size=count) if recipe.turns else None
        self.grey = stream(GREYS).random(count) < recipe.greys if recipe.greys else None
        self.wobble = Wobble(stream(WOBBLE), count, recipe.wobble) if recipe.wobble else None
        self.jitter = Jitter(stream(JITTER), count, recipe.jitter) if recipe.jitter else None
        # Where pieces lie, as shares of the room they have
        self.corners = stream(PIECES).random((count, 2)) if recipe.piece else None

    def members(self, done: int = 0) -> Iterator[Places]:
        """Places of the pictures of each batch, without the first `done` batches."""
        for start in range(done * self.size, len(self.order), self.size):
            yield self.order[start : start + self.size]

    def pictures(self, members: Places) -> tuple[Tensor, Tensor]:
        """(shown, given to the network), each float32 (n, C, H, W): the same tensor where there is no noise."""
        chosen = self.pictures_[members] if self.corners is None else self._pieces(members, self.corners[members])
        if self.mirrored is not None:
            mirrored = self.mirrored[members]
            chosen[mirrored] = chosen[mirrored, :, ::-1]
        if self.turned is not None and chosen.shape[1] == chosen.shape[2]:
            for quarters in (1, 2, 3):
                those = self.turned[members] == quarters
                chosen[those] = np.rot90(chosen[those], quarters, axes=(1, 2))
        clean = as_batch(chosen, self.device)
        if self.wobble is not None:
            clean = self.wobble(clean, members)
        if self.jitter is not None:
            clean = self.jitter(clean, members)
        if self.grey is not None:
            clean = _uncoloured(clean, self.grey[members], clean.mean(dim=1, keepdim=True))
        noisy = clean
        if self.epoch.noise is not None:
            noisy = with_noise(clean, self.epoch.noise, self.epoch.seed, self.epoch.number, members)
            if self.grey is not None:
                noisy = _uncoloured(noisy, self.grey[members], noisy[:, :1])  # one channel's noise, in all alike
        return clean, noisy

    def _pieces(self, members: Places, corners: npt.NDArray[np.float64]) -> Pixels:
        """One square piece of each picture, or all of it along a side that is no longer than a piece."""
        height, width = self.epoch.sides
        room = np.array([self.pictures_.shape[1] - height, self.pictures_.shape[2] - width])
        places = np.floor(corners * (room + 1)).astype(np.int64)
        cut = (
            self.pictures_[member, top : top + height, left : left + width]
            for member, (top, left) in zip(members, places, strict=True)
        )
        return np.stack(list(cut))


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


def with_noise(clean: Tensor, noise: Noise, seed: int, epoch: int, members: Iterable[int]) -> Tensor:
    """float32 (n, C, H, W) with the noise that the pictures at those places get in an epoch."""
    floats = clean.permute(0, 2, 3, 1).cpu().numpy()
    noisy = corrupt(floats, noise, seed=seed, epoch=epoch, indices=members)
    return torch.from_numpy(noisy).to(clean.device).permute(0, 3, 1, 2)


def _uncoloured(pictures: Tensor, grey: npt.NDArray[np.bool_], plane: Tensor) -> Tensor:
    """Those of (n, C, H, W) that are to be grey have `plane` (n, 1, H, W) in all of their channels."""
    return torch.where(torch.from_numpy(grey).to(pictures.device).view(-1, 1, 1, 1), plane, pictures)


def fingerprint(pictures: Pixels) -> str:
    """What tells other pictures (N, H, W, C) apart, from few of them, all over, so that no more need be read."""
    some = pictures[:: max(1, len(pictures) // FEW)]
    return sha256(repr(pictures.shape).encode() + np.ascontiguousarray(some).tobytes()).hexdigest()


def as_batch(pictures: Pixels, device: torch.device) -> Tensor:
    """uint8 (n, H, W, C) -> float32 (n, C, H, W) in [-0.5, 0.5], channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float() / 255 - 0.5
