"""A denoiser without a code: a residual U-Net that works blind, on pictures of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.errors import OptionError
from lookalike.models import kind_named
from lookalike.models.codeless import Codeless
from lookalike.models.layers import TwoConvolutions, initialise_as_keras
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.unet_shape import HALVINGS, LEVEL_SCALE, STRIDE, piece_reach
from lookalike.noise import NOT_TOLD, Noise, sigmas
from lookalike.pixels import Floats, Pixels
from lookalike.training.batches import LEVELS, Epoch, Places
from lookalike.training.objective import Extra, Trainable

WIDEST, MOST_BLOCKS = 256, 16


class UNetDenoiser(Codeless, NetworkAutoencoder):
    """A residual U-Net that takes noise out of pictures of any size, and has no code.

    It estimates the noise and subtracts it, at three scales with shortcuts between them; nothing has to pass through a
    narrow code, so detail stays. It judges for itself how strong the noise is, or is told.

    Args:
        width: channels at the full scale, 1 to 256; twice and four times as many at a half and a quarter.
        blocks: residual blocks at each scale, on the way down and up, 1 to 16.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.

    Attributes after `fit`:
        network_: the PyTorch module; its `encoder` is the way down, its `decoder` the way up.
        image_shape_: (H, W, C) of the training's pictures; H and W bind nothing.
    """

    kind: ClassVar[str] = "unet"

    def __init__(self, width: int = 24, blocks: int = 1, seed: int = 0, device: str = "auto") -> None:
        self.width = width
        self.blocks = blocks
        self.seed = seed
        self.device = device

    @property
    def reach(self) -> int | None:
        """Pixels, along an axis, from which a pixel of the result can be changed."""
        return piece_reach(self.blocks)

    def _begin(self, pictures: Pixels | Floats, noise: Noise | None) -> Trainable:
        if noise is None:
            usual = kind_named(self.kind).noise
            raise OptionError(f"no noise is given; a model that removes it learns from noisy pictures: give {usual!r}")
        return super()._begin(pictures, noise)

    def _denoised(self, pictures: Floats, levels: Floats | None) -> Floats:
        """A batch with the network's own number of channels."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pictures)).to(self._device).permute(0, 3, 1, 2)
            told = None if levels is None else torch.from_numpy(levels).to(self._device)
            restored: Floats = self.network_(batch, told).permute(0, 2, 3, 1).float().cpu().numpy()
        return restored

    def _build(self, image_shape: tuple[int, int, int]) -> UNet:
        problems = []
        if not 1 <= self.width <= WIDEST:
            problems.append(f"width is {self.width}; give 1 to {WIDEST}")
        if not 1 <= self.blocks <= MOST_BLOCKS:
            problems.append(f"blocks are {self.blocks}; give 1 to {MOST_BLOCKS}")
        if problems:
            raise OptionError("; ".join(problems))
        return UNet(image_shape[2], self.width, self.blocks, self.seed)


class Block(TwoConvolutions):
    """x + conv(relu(conv(x))): (N, C, H, W) -> the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        """Add what the two convolutions see."""
        result: Tensor = x + self.conv2(F.relu(self.conv1(x)))
        return result


class Contracting(nn.Module):
    """The way down: (N, C + 2, H, W) -> features of every scale, the finest first.

    Channels are `width`, twice and four times that; the input's last two say whether the level is told, and what it is.
    """

    def __init__(self, depth: int, width: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(depth + 2, width, 3, padding=1)
        for i in range(HALVINGS):
            self.add_module(f"blocks{i + 1}", _blocks(width << i, blocks))
            self.add_module(f"down{i + 1}", nn.Conv2d(width << i, width << (i + 1), 2, stride=2))
        self.bottom = _blocks(width << HALVINGS, blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See a picture with its level at three scales."""
        x = self.head(x)
        features = []
        for i in range(HALVINGS):
            x = self.get_submodule(f"blocks{i + 1}")(x)
            features.append(x)
            x = self.get_submodule(f"down{i + 1}")(x)
        return [*features, self.bottom(x)]


class Expanding(nn.Module):
    """The way up: features of every scale -> (N, C, H, W), the noise.

    A 1 x 1 convolution and a pixel shuffle double the sides; the features of that scale are added.
    """

    def __init__(self, depth: int, width: int, blocks: int) -> None:
        super().__init__()
        for i in reversed(range(HALVINGS)):
            self.add_module(f"up{i + 1}", nn.Conv2d(width << (i + 1), 4 * (width << i), 1))
            self.add_module(f"blocks{i + 1}", _blocks(width << i, blocks))
        self.tail = nn.Conv2d(width, depth, 3, padding=1)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Draw the noise from what was seen."""
        x = features[-1]
        for i in reversed(range(HALVINGS)):
            x = F.pixel_shuffle(self.get_submodule(f"up{i + 1}")(x), 2) + features[i]
            x = self.get_submodule(f"blocks{i + 1}")(x)
        noise: Tensor = self.tail(x)
        return noise


class ToldLevels:
    """The standard deviation of the noise on half of the pictures, drawn anew each epoch; `NOT_TOLD` on the others."""

    def __init__(self, epoch: Epoch) -> None:
        self.epoch = epoch
        self.told = epoch.stream(LEVELS).random(epoch.count) < 0.5

    def __call__(self, members: Places) -> Floats:
        """Of pictures (n,): float32 (n,)."""
        levels = np.full(len(members), NOT_TOLD, np.float32)
        if self.epoch.noise is None:
            return levels
        drawn = sigmas(self.epoch.noise, seed=self.epoch.seed, epoch=self.epoch.number, indices=members)
        return np.where(self.told[members] & np.isfinite(drawn), drawn, levels).astype(np.float32)


class UNet(Trainable):
    """Pictures less their noise; `encoder` is the way down and `decoder` the way up, with no code between them.

    Sources: Ronneberger and others, 2015 (U-Net); Zhang and others, 2017 and 2018 (DnCNN: learn the noise; FFDNet: its
    level as one more channel).
    """

    extras: Mapping[str, Extra] = {"levels": ToldLevels}
    removes_noise: ClassVar[bool] = True

    def __init__(self, depth: int, width: int, blocks: int, seed: int) -> None:
        super().__init__()
        self.encoder = Contracting(depth, width, blocks)
        self.decoder = Expanding(depth, width, blocks)
        initialise_as_keras(self, seed)
        nn.init.zeros_(self.decoder.tail.weight)  # at first it leaves pictures as they are

    def forward(self, images: Tensor, levels: Tensor | None = None) -> Tensor:
        """Clean float32 (N, C, H, W) in [-0.5, 0.5]; sides that are no multiples of 4 are continued by reflection.

        `levels` (N,) are the noise's standard deviations, `NOT_TOLD` where it is to judge for itself, as without.
        """
        height, width = images.shape[2:]
        images = _continued(images)
        if levels is None:
            levels = images.new_full((len(images),), NOT_TOLD)
        told = (levels >= 0).to(images.dtype)
        planes = torch.stack([told, told * levels.to(images.dtype) * LEVEL_SCALE], 1)
        planes = planes[:, :, None, None].expand(-1, -1, *images.shape[2:])
        noise: Tensor = self.decoder(self.encoder(torch.cat([images, planes], 1)))
        clean: Tensor = (images - noise)[..., :height, :width]
        return clean


def _continued(images: Tensor) -> Tensor:
    """Continue both sides at their ends, as `numpy.pad` reflects: to and fro, where a side is shorter than its end."""
    for axis in (2, 3):
        side = images.shape[axis]
        if side % STRIDE:
            places = np.pad(np.arange(side), (0, -side % STRIDE), mode="reflect")
            images = images.index_select(axis, torch.from_numpy(places).to(images.device))
    return images


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(channels) for _ in range(count)))
