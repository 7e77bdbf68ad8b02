"""A denoiser without a code: a residual U-Net that works blind, on pictures of any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.errors import OptionError
from lookalike.kernels import conv_same
from lookalike.models import kind_named
from lookalike.models.codeless import Codeless
from lookalike.models.layers import TwoConvolutions, initialise_as_keras
from lookalike.models.networked import NetworkAutoencoder
from lookalike.models.unet_shape import HALVINGS, LEVEL_SCALE, piece_reach, stride_of
from lookalike.noise import NOT_TOLD, Noise, levels_of
from lookalike.pixels import Floats, Pixels
from lookalike.training.batches import LEVELS, Epoch, Places
from lookalike.training.objective import Extra, Loss, Trainable

WIDEST, MOST_BLOCKS, LARGEST_FOLD = 256, 16, 4
SCALES = HALVINGS + 1


class UNetDenoiser(Codeless, NetworkAutoencoder):
    """A residual U-Net that takes noise out of pictures of any size, and has no code.

    It estimates the noise and subtracts it, at three scales with shortcuts between them; nothing has to pass through a
    narrow code, so detail stays. It judges for itself how strong the noise is, or is told.

    Args:
        width: channels at the finest scale, 1 to 256; twice and four times as many at a half and a quarter of it.
        blocks: residual blocks at each scale, on the way down and up, 1 to 16.
        channels: those of the three scales, the finest first, instead of what `width` gives.
        fold: side of the squares of pixels that are the places of the finest scale, 1 to 4: 2 sees every pixel and
            computes at half size, a quarter of the work.
        biases: whether convolutions add numbers of their own. Without, a picture with noise s times as strong gives a
            result s times as large: what is learned at one strength holds at others (Mohan and others, 2020).
        objective: what a training minimises: "mse", or "l1", the mean absolute error.
        noisy_only: whether it learns from pictures that are noisy themselves, of which there are no clean ones; their
            noise has to be independent from pixel to pixel.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.

    Attributes after `fit`:
        network_: the PyTorch module; its `encoder` is the way down, its `decoder` the way up.
        image_shape_: (H, W, C) of the training's pictures; H and W bind nothing.
    """

    kind: ClassVar[str] = "unet"
    added: ClassVar[dict[str, Any]] = {
        "channels": (),
        "fold": 1,
        "biases": True,
        "objective": "mse",
        "noisy_only": False,
    }

    def __init__(
        self,
        width: int = 24,
        blocks: int = 1,
        channels: tuple[int, ...] = (),
        fold: int = 1,
        biases: bool = True,
        objective: str = "mse",
        noisy_only: bool = False,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.width = width
        self.blocks = blocks
        self.channels = channels
        self.fold = fold
        self.biases = biases
        self.objective = objective
        self.noisy_only = noisy_only
        self.seed = seed
        self.device = device

    @property
    def reach(self) -> int | None:
        """Pixels, along an axis, from which a pixel of the result can be changed."""
        return piece_reach(self.blocks, self.fold)

    @property
    def usual_noise(self) -> str | None:
        """None where the pictures have their own."""
        return None if self.noisy_only else super().usual_noise

    def _begin(self, pictures: Pixels | Floats, noise: Noise | None) -> Trainable:
        if self.noisy_only and noise is not None:
            raise OptionError(f"noise is {str(noise)!r}, but these pictures have noise of their own; leave it out")
        if not self.noisy_only and noise is None:
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
        channels = tuple(self.channels) or tuple(self.width << i for i in range(SCALES))
        problems = []
        if not 1 <= self.width <= WIDEST:
            problems.append(f"width is {self.width}; give 1 to {WIDEST}")
        if not 1 <= self.blocks <= MOST_BLOCKS:
            problems.append(f"blocks are {self.blocks}; give 1 to {MOST_BLOCKS}")
        if len(channels) != SCALES or not all(1 <= one <= WIDEST << HALVINGS for one in channels):
            problems.append(f"channels are {channels}; give {SCALES} numbers from 1 to {WIDEST << HALVINGS}")
        if not 1 <= self.fold <= LARGEST_FOLD:
            problems.append(f"fold is {self.fold}; give 1 to {LARGEST_FOLD}")
        if self.objective not in OBJECTIVES:
            problems.append(f"objective {self.objective!r} is unknown; give one of {', '.join(OBJECTIVES)}")
        if problems:
            raise OptionError("; ".join(problems))
        form = Form(image_shape[2], channels, self.blocks, self.fold, self.biases)
        if self.noisy_only:
            from lookalike.models.noisy_only import NoisyOnlyUNet

            return NoisyOnlyUNet(form, self.objective, self.seed)
        return UNet(form, self.objective, self.seed)


@dataclass(frozen=True)
class Form:
    """What decides a network's tensors: channels of a picture and of each scale, blocks a scale, fold, biases."""

    depth: int
    channels: tuple[int, ...]
    blocks: int
    fold: int = 1
    biases: bool = True

    @property
    def folded(self) -> int:
        """Numbers of a picture at a place of the finest scale."""
        return self.depth * self.fold**2

    def conv(self, seen: int, given: int, kernel: int, stride: int = 1) -> nn.Conv2d:
        """A convolution from `seen` to `given` channels, that keeps sides or divides them by its stride."""
        return nn.Conv2d(seen, given, kernel, stride, padding=kernel // 2 if stride == 1 else 0, bias=self.biases)

    def some(self, channels: int) -> nn.Sequential:
        """The residual blocks of a scale."""
        return nn.Sequential(*(Block(channels, biases=self.biases) for _ in range(self.blocks)))


class Block(TwoConvolutions):
    """x + conv(relu(conv(x))): (N, C, H, W) -> the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        """Add what the two convolutions see."""
        result: Tensor = x + conv_same(F.relu(conv_same(x, self.conv1)), self.conv2)
        return result


class Contracting(nn.Module):
    """The way down: (N, C * fold^2 + 2, H / fold, W / fold) -> features of every scale, the finest first.

    The input's last two channels say whether the level is told, and what it is.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        channels = form.channels
        self.head = form.conv(form.folded + 2, channels[0], 3)
        for i in range(HALVINGS):
            self.add_module(f"blocks{i + 1}", form.some(channels[i]))
            self.add_module(f"down{i + 1}", form.conv(channels[i], channels[i + 1], 2, 2))
        self.bottom = form.some(channels[HALVINGS])

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
    """The way up: features of every scale -> (N, C * fold^2, H / fold, W / fold), the noise.

    A 1 x 1 convolution and a pixel shuffle double the sides; the features of that scale are added.
    """

    def __init__(self, form: Form) -> None:
        super().__init__()
        channels = form.channels
        for i in reversed(range(HALVINGS)):
            self.add_module(f"up{i + 1}", form.conv(channels[i + 1], 4 * channels[i], 1))
            self.add_module(f"blocks{i + 1}", form.some(channels[i]))
        self.tail = form.conv(channels[0], form.folded, 3)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Draw the noise from what was seen."""
        x = features[-1]
        for i in reversed(range(HALVINGS)):
            x = F.pixel_shuffle(self.get_submodule(f"up{i + 1}")(x), 2) + features[i]
            x = self.get_submodule(f"blocks{i + 1}")(x)
        noise: Tensor = self.tail(x)
        return noise


class ToldLevels:
    """The levels of the noise on half of the pictures, drawn anew each epoch; `NOT_TOLD` on the others."""

    def __init__(self, epoch: Epoch) -> None:
        self.epoch = epoch
        self.told = epoch.stream(LEVELS).random(epoch.count) < 0.5

    def __call__(self, members: Places) -> Floats:
        """Of pictures (n,): float32 (n,), or (n, H, W) of a noise that is not alike at every pixel."""
        epoch = self.epoch
        if epoch.noise is None:
            return np.full(len(members), NOT_TOLD, np.float32)
        drawn = levels_of(epoch.noise, epoch.sides, seed=epoch.seed, epoch=epoch.number, indices=members)
        told = self.told[members].reshape(-1, *(1,) * (drawn.ndim - 1)) & np.isfinite(drawn)
        return np.where(told, drawn, NOT_TOLD).astype(np.float32)


class UNet(Trainable):
    """Pictures less their noise; `encoder` is the way down and `decoder` the way up, with no code between them.

    Sources: Ronneberger and others, 2015 (U-Net); Zhang and others, 2017 and 2018 (DnCNN: learn the noise; FFDNet: its
    level as one more channel).
    """

    extras: Mapping[str, Extra] = {"levels": ToldLevels}
    removes_noise: ClassVar[bool] = True

    def __init__(self, form: Form, objective: str, seed: int) -> None:
        super().__init__()
        self.fold = form.fold
        self.objective = objective
        self.encoder = Contracting(form)
        self.decoder = Expanding(form)
        initialise_as_keras(self, seed)
        nn.init.zeros_(self.decoder.tail.weight)  # at first it leaves pictures as they are

    def forward(self, images: Tensor, levels: Tensor | None = None) -> Tensor:
        """Clean float32 (N, C, H, W) in [-0.5, 0.5]; sides that are no whole cells are continued by reflection.

        `levels` (N,), or (N, H, W), are the noise's standard deviations, `NOT_TOLD` where it is to judge for itself, as
        without.
        """
        height, width = images.shape[2:]
        images = _continued(images, stride_of(self.fold))
        if levels is None:
            levels = images.new_full((len(images),), NOT_TOLD)
        told = (levels >= 0).to(images.dtype)
        planes = torch.stack([told, told * levels.to(images.dtype) * LEVEL_SCALE], 1)
        seen = images if self.fold == 1 else F.pixel_unshuffle(images, self.fold)
        if planes.dim() == 4:
            planes = F.avg_pool2d(_continued(planes, stride_of(self.fold)), self.fold)
        else:
            planes = planes[:, :, None, None].expand(-1, -1, *seen.shape[2:])
        noise: Tensor = self.decoder(self.encoder(torch.cat([seen, planes], 1)))
        if self.fold > 1:
            noise = F.pixel_shuffle(noise, self.fold)
        clean: Tensor = (images - noise)[..., :height, :width]
        return clean

    def loss(self, shown: Tensor, given: Tensor, extras: Mapping[str, Tensor]) -> Loss:
        """The objective, and the MSE beside it."""
        clean = self(given, **extras)
        mse = F.mse_loss(clean, shown)
        return Loss(OBJECTIVES[self.objective](clean, shown), mse)


OBJECTIVES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"mse": F.mse_loss, "l1": F.l1_loss}
"""What may be minimised."""


def _continued(images: Tensor, stride: int) -> Tensor:
    """Continue both sides at their ends, as `numpy.pad` reflects: to and fro, where a side is shorter than its end."""
    for axis in (2, 3):
        side = images.shape[axis]
        if side % stride:
            places = np.pad(np.arange(side), (0, -side % stride), mode="reflect")
            images = images.index_select(axis, torch.from_numpy(places).to(images.device))
    return images
