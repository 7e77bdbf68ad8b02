"""Exact PCA, and what a convolutional network adds to it on both sides."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.kernels import pool_elu
from lookalike.models.layers import FlattenChannelsLast, UnflattenChannelsLast, initialise_as_keras
from lookalike.models.subspace import Subspace

ENCODER_STRIDE, DECODER_STRIDE = 16, 8
"""Pixels of the picture for one cell of the coarsest grid."""


class Linear(nn.Module):
    """A Dense layer that is not trained: its weights are given once, and kept with the network's."""

    weight: Tensor
    bias: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(outputs, inputs))
        self.register_buffer("bias", torch.zeros(outputs))

    def forward(self, values: Tensor) -> Tensor:
        """(N, inputs) -> (N, outputs), in float32 whatever surrounds it: what it gives is the larger part."""
        with torch.autocast(values.device.type, enabled=False):
            result: Tensor = F.linear(values.float(), self.weight, self.bias)
        return result


class Pooled(nn.Module):
    """ELU(max pooling by 2 x 2(conv(x))): half the sides."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, outputs, H / 2, W / 2)."""
        return pool_elu(self.conv(x))


class Step(nn.Module):
    """x + conv(SiLU(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        result: Tensor = x + self.conv(F.silu(x))
        return result


class Block(nn.Module):
    """x + conv(SiLU(conv(SiLU(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        result: Tensor = x + self.conv2(F.silu(self.conv1(F.silu(x))))
        return result


class ResidualEncoder(nn.Module):
    """Whitened principal components plus a network's correction, which begins at zero: (N, C, H, W) -> (N, code).

    The correction is the course's encoder with a step more at its two coarsest grids. Max pooling matters: with strided
    convolutions in its place the error at a code of 8 was 4.5% higher. Sides are padded to multiples of 16, so that no
    row is lost by the four poolings.
    """

    def __init__(self, image_shape: tuple[int, int, int], code_size: int, width: int) -> None:
        super().__init__()
        height, width_of, depth = image_shape
        self.margins = (0, -width_of % ENCODER_STRIDE, 0, -height % ENCODER_STRIDE)
        cells = -(-height // ENCODER_STRIDE) * -(-width_of // ENCODER_STRIDE)
        self.flatten = FlattenChannelsLast()
        self.linear = Linear(height * width_of * depth, code_size)
        finest = -(-width // 2)
        self.trunk = nn.Sequential(
            Pooled(depth, finest),
            Pooled(finest, width),
            Pooled(width, 2 * width),
            Step(2 * width),
            Pooled(2 * width, 4 * width),
            Step(4 * width),
        )
        self.dense = nn.Linear(cells * 4 * width, code_size)

    def forward(self, images: Tensor) -> Tensor:
        """Encode float32 (N, C, H, W) in [-0.5, 0.5]."""
        padded = F.pad(images, self.margins, mode="replicate") if any(self.margins) else images
        correction: Tensor = self.dense(self.flatten(self.trunk(padded)))
        code: Tensor = self.linear(self.flatten(images)) + correction
        return code


class ResidualDecoder(nn.Module):
    """The way back from principal components plus a network's correction: (N, code) -> (N, C, H, W)."""

    def __init__(self, image_shape: tuple[int, int, int], code_size: int, width: int) -> None:
        super().__init__()
        self.height, self.width, depth = image_shape
        rows, columns = -(-self.height // DECODER_STRIDE), -(-self.width // DECODER_STRIDE)
        self.linear = Linear(code_size, self.height * self.width * depth)
        self.unflatten = UnflattenChannelsLast(self.height, self.width, depth)
        self.dense = nn.Linear(code_size, rows * columns * 4 * width)
        self.grid = UnflattenChannelsLast(rows, columns, 4 * width)
        self.trunk = nn.Sequential(
            Block(4 * width),
            nn.Conv2d(4 * width, 8 * width, 1),
            nn.PixelShuffle(2),
            Block(2 * width),
            nn.Conv2d(2 * width, 4 * width, 1),
            nn.PixelShuffle(2),
            Block(width),
            nn.SiLU(),
        )
        self.last = nn.Conv2d(width, 4 * depth, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2)

    def forward(self, codes: Tensor) -> Tensor:
        """Decode float32 (N, code_size); the result is not clipped."""
        correction = self.shuffle(self.last(self.trunk(self.grid(self.dense(codes)))))
        pictures: Tensor = self.unflatten(self.linear(codes)) + correction[..., : self.height, : self.width]
        return pictures


class ResidualNetwork(nn.Module):
    """Both sides; before its training it is exact PCA."""

    def __init__(self, image_shape: tuple[int, int, int], code_size: int, width: int, seed: int) -> None:
        super().__init__()
        self.encoder = ResidualEncoder(image_shape, code_size, width)
        self.decoder = ResidualDecoder(image_shape, code_size, width)
        initialise_as_keras(self, seed)
        with torch.no_grad():
            self.encoder.dense.weight.zero_()
            self.decoder.last.weight.zero_()

    def begin_at(self, subspace: Subspace) -> None:
        """Take principal components: codes get variance 1 each."""
        components = torch.from_numpy(subspace.components)
        mean = torch.from_numpy(subspace.mean)
        deviations = torch.from_numpy(subspace.variances).clamp_min(1e-12).sqrt()
        into, back = self.encoder.linear, self.decoder.linear
        with torch.no_grad():
            into.weight.copy_(components / deviations[:, None])
            into.bias.copy_(-(components @ mean) / deviations)
            back.weight.copy_((components * deviations[:, None]).t())
            back.bias.copy_(mean)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct float32 (N, C, H, W) in [-0.5, 0.5]."""
        reconstruction: Tensor = self.decoder(self.encoder(images))
        return reconstruction
