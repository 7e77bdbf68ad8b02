"""A small residual U-Net that estimates the noise in pictures of any size."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.models.layers import initialise_as_keras
from lookalike.models.unet_shape import HALVINGS, LEVEL_SCALE, STRIDE
from lookalike.noise import NOT_TOLD


class Block(nn.Module):
    """x + conv(relu(conv(x))), both 3 x 3: (N, C, H, W) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

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


class UNet(nn.Module):
    """Pictures less their noise; `encoder` is the way down and `decoder` the way up, with no code between them.

    Sources: Ronneberger and others, 2015 (U-Net); Zhang and others, 2017 and 2018 (DnCNN: learn the noise; FFDNet: its
    level as one more channel).
    """

    takes_level = True
    """The training loop tells it the noise level of half of the pictures."""

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
