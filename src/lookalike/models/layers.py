"""What several networks are made of: an encoder with a decoder, and layers that PyTorch lacks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.kernels import same_transpose
from lookalike.training.objective import Trainable


class AutoencoderNetwork(Trainable):
    """An encoder and a decoder, trained as one."""

    encoder: nn.Module
    decoder: nn.Module

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct float32 (N, C, H, W) in [-0.5, 0.5]."""
        reconstruction: Tensor = self.decoder(self.encoder(images))
        return reconstruction


class SameConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution with TensorFlow's SAME padding: (N, C, H, W) -> (N, out, H * stride, W * stride).

    TensorFlow defines it as the gradient of a SAME convolution, whose padding puts the odd pixel at the end.
    So max(k - stride, 0) pixels are cropped from the full result, the smaller half at the beginning; PyTorch's
    own `padding=1, output_padding=1` crops at the other end and is shifted by one pixel. A kernel smaller than
    the stride leaves rows that no weight reaches: zeros plus bias, as in TensorFlow. With `elu`, ELU follows.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 2, *, elu: bool = False
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, output_padding=max(stride - kernel_size, 0))
        self.elu = elu

    def forward(self, images: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Apply to (N, C, H, W) float; `output_size` is PyTorch's own argument and must stay None."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 2 and self.bias is not None:
            fused = same_transpose(images, self.weight, self.bias, elu=self.elu)
            if fused is not None:
                return fused
        full = super().forward(images)
        before = max(kernel - stride, 0) // 2
        height, width = images.shape[-2] * stride, images.shape[-1] * stride
        result = full[..., before : before + height, before : before + width]
        return F.elu(result) if self.elu else result


class TwoConvolutions(nn.Module):
    """What residual blocks have in common: two convolutions of 3 x 3 that keep the number of channels."""

    def __init__(self, channels: int, *, biases: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=biases)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=biases)


class FlattenChannelsLast(nn.Module):
    """(N, C, H, W) -> (N, H * W * C), in Keras's order, so that its Dense kernels carry over unchanged."""

    def forward(self, images: Tensor) -> Tensor:
        """Flatten (N, C, H, W); free of copies when the memory is channels-last."""
        return images.permute(0, 2, 3, 1).flatten(1)


class UnflattenChannelsLast(nn.Module):
    """(N, H * W * C) -> (N, C, H, W): the inverse of `FlattenChannelsLast`."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        super().__init__()
        self.shape = (height, width, channels)

    def forward(self, flat: Tensor) -> Tensor:
        """Reshape (N, H * W * C)."""
        return flat.reshape(-1, *self.shape).permute(0, 3, 1, 2)


OFFSETS = {"centred": 0.0, "unit": 0.5}
"""What is added to centred pictures for a network to see them centred, in [-0.5, 0.5], or from 0 to 1."""


class Offset(nn.Module):
    """A number added to every pixel."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = offset

    def forward(self, images: Tensor) -> Tensor:
        """Of any shape; no copy where there is nothing to add."""
        return images + self.offset if self.offset else images


def unknown_pixels(name: str) -> list[str]:
    """What is wrong with a setting `pixels`."""
    return [] if name in OFFSETS else [f"pixels {name!r} is unknown; give one of {', '.join(OFFSETS)}"]


def dense_decoder(image_shape: tuple[int, int, int], code_size: int) -> nn.Sequential:
    """Dense, Reshape: (N, code_size) -> (N, C, H, W)."""
    height, width, channels = image_shape
    decoder = nn.Sequential()
    decoder.add_module("dense", nn.Linear(code_size, height * width * channels))
    decoder.add_module("unflatten", UnflattenChannelsLast(height, width, channels))
    return decoder


def dense_network(image_shape: tuple[int, int, int], code_size: int) -> AutoencoderNetwork:
    """The notebook's PCA autoencoder: Flatten, Dense, and back by Dense, Reshape, without an activation."""
    encoder = nn.Sequential()
    encoder.add_module("flatten", FlattenChannelsLast())
    encoder.add_module("dense", nn.Linear(math.prod(image_shape), code_size))
    return AutoencoderNetwork(encoder, dense_decoder(image_shape, code_size))


def initialise_as_keras(module: nn.Module, seed: int) -> None:
    """Glorot-uniform kernels and zero biases, Keras's defaults, drawn in the order of `module.parameters()`.

    Source: Glorot and Bengio, 2010. A kernel's limit is sqrt(6 / (fan_in + fan_out)); the fans of Keras and of
    `torch.nn.init` differ only in their order, which the sum does not see.
    """
    if next(module.parameters()).is_meta:  # of which only the shapes are asked for
        return
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter, generator=generator)
            else:
                parameter.zero_()


def continued(images: Tensor, margins: tuple[int, int, int, int]) -> Tensor:
    """(N, C, H, W) with so many more columns left and right and rows above and below, as the edge has them."""
    return F.pad(images, margins, mode="replicate") if any(margins) else images


def pad_to_at_least(images: Tensor, side: int) -> Tensor:
    """Pad (N, C, H, W) with the edge's pixels at the end of an axis that is shorter than `side`."""
    height, width = images.shape[-2:]
    if height >= side and width >= side:
        return images
    return F.pad(images, (0, max(side - width, 0), 0, max(side - height, 0)), mode="replicate")
