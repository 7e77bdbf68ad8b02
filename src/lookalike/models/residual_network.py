"""The network of the residual autoencoder: principal components, and a convolutional correction on both sides."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.kernels import conv_pool_elu, conv_same
from lookalike.models.layers import (
    AutoencoderNetwork,
    FlattenChannelsLast,
    TwoConvolutions,
    UnflattenChannelsLast,
    continued,
    initialise_as_keras,
)
from lookalike.models.residual_shape import DECODER_STRIDE, ENCODER_STRIDE, STRONGER
from lookalike.models.subspace import Subspace

ROUNDING = 1 / 255**2 / 12
"""Variance of what rounding to 8 bits leaves in a picture, along any direction: below it there is nothing to see."""


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
        return conv_pool_elu(x, self.conv)


class Step(nn.Module):
    """x + conv(SiLU(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        result: Tensor = x + conv_same(F.silu(x), self.conv)
        return result


class SmoothBlock(TwoConvolutions):
    """x + conv(SiLU(conv(SiLU(x))))."""

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        result: Tensor = x + conv_same(F.silu(conv_same(F.silu(x), self.conv1)), self.conv2)
        return result


class ResidualEncoder(nn.Module):
    """Whitened principal components plus a network's correction, which begins at zero: (N, C, H, W) -> (N, code).

    The correction is the course's encoder with a step more at its two coarsest grids. Max pooling matters: with strided
    convolutions in its place the error at a code of 8 was 4.5% higher. Sides are padded to multiples of 16 * fold, so
    that no row is lost by folding and the four poolings.

    A guided one sees beside the picture, as channels of its own, what the components leave of it: the decoder can draw
    more than they hold, and what it is to draw is in there.
    """

    mean: Tensor
    variances: Tensor

    def __init__(
        self, image_shape: tuple[int, int, int], code_size: int, width: int, fold: int = 1, *, guided: bool = False
    ) -> None:
        super().__init__()
        height, width_of, depth = image_shape
        self.fold, self.guided, stride = fold, guided, ENCODER_STRIDE * fold
        self.margins = (0, -width_of % stride, 0, -height % stride)
        cells = -(-height // stride) * -(-width_of // stride)
        self.flatten = FlattenChannelsLast()
        self.linear = Linear(height * width_of * depth, code_size)
        if guided:
            self.unflatten = UnflattenChannelsLast(height, width_of, depth)
            self.register_buffer("mean", torch.zeros(height * width_of * depth))
            self.register_buffer("variances", torch.zeros(code_size))
        finest = -(-width // 2)
        self.trunk = nn.Sequential(
            Pooled(depth * fold**2 * (2 if guided else 1), finest),
            Pooled(finest, width),
            Pooled(width, 2 * width),
            Step(2 * width),
            Pooled(2 * width, 4 * width),
            Step(4 * width),
        )
        self.dense = nn.Linear(cells * 4 * width, code_size)

    def forward(self, images: Tensor) -> Tensor:
        """Encode float32 (N, C, H, W) in [-0.5, 0.5]."""
        linear = self.linear(self.flatten(images))
        seen = torch.cat([images, self._left(images, linear)], 1) if self.guided else images
        folded = squares(continued(seen, self.margins), self.fold)
        correction: Tensor = self.dense(self.flatten(self.trunk(folded)))
        code: Tensor = linear + correction
        return code

    def _left(self, images: Tensor, codes: Tensor) -> Tensor:
        """What the components leave of pictures with these codes (N, code), made about as strong as pictures are."""
        with torch.autocast(images.device.type, enabled=False):
            drawn = torch.addmm(self.mean, codes.float() * self.variances, self.linear.weight)
            left: Tensor = STRONGER * (images - self.unflatten(drawn))
        return left


class ResidualDecoder(nn.Module):
    """The way back from principal components plus a network's correction: (N, code) -> (N, C, H, W).

    A guided one sees what the components draw, at its two finest grids, in squares of pixels as channels.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], code_size: int, width: int, fold: int = 1, *, guided: bool = False
    ) -> None:
        super().__init__()
        self.height, self.width, depth = image_shape
        self.fold, stride = fold, DECODER_STRIDE * fold
        rows, columns = -(-self.height // stride), -(-self.width // stride)
        self.margins = (0, columns * stride - self.width, 0, rows * stride - self.height)
        self.linear = Linear(code_size, self.height * self.width * depth)
        self.unflatten = UnflattenChannelsLast(self.height, self.width, depth)
        self.dense = nn.Linear(code_size, rows * columns * 4 * width)
        self.grid = UnflattenChannelsLast(rows, columns, 4 * width)
        self.trunk = nn.Sequential(
            SmoothBlock(4 * width),
            nn.Conv2d(4 * width, 8 * width, 1),
            nn.PixelShuffle(2),
            SmoothBlock(2 * width),
            nn.Conv2d(2 * width, 4 * width, 1),
            nn.PixelShuffle(2),
            SmoothBlock(width),
            nn.SiLU(),
        )
        self.last = nn.Conv2d(width, 4 * depth * fold**2, 3, padding=1)
        self.shuffle = nn.PixelShuffle(2 * fold)
        if guided:
            self.see_coarse = nn.Conv2d(16 * depth * fold**2, 2 * width, 1)
            self.see_fine = nn.Conv2d(4 * depth * fold**2, width, 3, padding=1)
        self.guided = guided

    def forward(self, codes: Tensor) -> Tensor:
        """Decode float32 (N, code_size); the result is not clipped."""
        drawn = self.unflatten(self.linear(codes))
        grid = self.grid(self.dense(codes))
        correction = self.shuffle(self.last(self._guided(grid, drawn) if self.guided else self.trunk(grid)))
        pictures: Tensor = drawn + correction[..., : self.height, : self.width]
        return pictures

    def _guided(self, grid: Tensor, drawn: Tensor) -> Tensor:
        """The trunk, with what the components draw added before its second and its third block."""
        padded = continued(drawn, self.margins)
        coarse = self.trunk[:3](grid) + self.see_coarse(squares(padded, 4 * self.fold))
        fine = self.trunk[3:6](coarse) + conv_same(squares(padded, 2 * self.fold), self.see_fine)
        result: Tensor = self.trunk[6:](fine)
        return result


def squares(pictures: Tensor, side: int) -> Tensor:
    """Squares of pixels as channels, (N, C, H, W) -> (N, C * side^2, H / side, W / side), channels last in memory."""
    if side == 1:
        return pictures
    return F.pixel_unshuffle(pictures, side).contiguous(memory_format=torch.channels_last)


class ResidualNetwork(AutoencoderNetwork):
    """Both sides; before its training it is exact PCA."""

    encoder: ResidualEncoder
    decoder: ResidualDecoder

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        code_size: int,
        width: int,
        seed: int,
        fold: int = 1,
        *,
        guided: bool = False,
    ) -> None:
        form = image_shape, code_size, width, fold
        super().__init__(ResidualEncoder(*form, guided=guided), ResidualDecoder(*form, guided=guided))
        initialise_as_keras(self, seed)
        with torch.no_grad():
            self.encoder.dense.weight.zero_()
            self.decoder.last.weight.zero_()

    def begin_at(self, subspace: Subspace) -> None:
        """Take principal components: codes get variance 1 each, and nothing of components that hold nothing.

        Those lie anywhere: of few pictures, or of pictures that are all alike, a picture that is shown a little turned
        or brighter would have a code of thousands of deviations there.
        """
        variances = torch.from_numpy(subspace.variances)
        components = torch.from_numpy(subspace.components) * (variances > ROUNDING)[:, None]
        mean = torch.from_numpy(subspace.mean)
        deviations = variances.clamp_min(ROUNDING).sqrt()
        into, back = self.encoder.linear, self.decoder.linear
        with torch.no_grad():
            into.weight.copy_(components / deviations[:, None])
            into.bias.copy_(-(components @ mean) / deviations)
            back.weight.copy_((components * deviations[:, None]).t())
            back.bias.copy_(mean)
            if self.encoder.guided:
                self.encoder.mean.copy_(mean)
                self.encoder.variances.copy_(deviations**2)
