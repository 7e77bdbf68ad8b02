"""The reference notebook's convolutional autoencoder, for any picture size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from lookalike.errors import OptionError
from lookalike.kernels import conv_pool_elu
from lookalike.models.activations import Activation, unknown_activations
from lookalike.models.layers import (
    OFFSETS,
    AutoencoderNetwork,
    FlattenChannelsLast,
    Offset,
    SameConvTranspose2d,
    UnflattenChannelsLast,
    initialise_as_keras,
    pad_to_at_least,
    unknown_pixels,
)
from lookalike.models.networked import NetworkAutoencoder

LARGEST_CODE = 65_536
ELU = "elu"
"""The reference notebook's activation, for which there are kernels."""


class ConvAutoencoder(NetworkAutoencoder):
    """Convolutional autoencoder: 4 x (Conv 3x3, ELU, MaxPool 2) and Dense in, Dense and 4 x ConvTranspose out.

    The reference notebook's network: at 32 x 32 a 2 x 2 grid of 256 channels lies before the code. Takes any picture
    size: the encoder's poolings round down as Keras's do, the decoder's grid rounds up and the result is cropped.

    Args:
        code_size: numbers a picture, 1 to 65,536.
        channels: channels of the convolutions, one halving of the picture each.
        dense_activation: after the decoder's first Dense: public solutions have "linear" and "elu".
        activation: after each convolution but the decoder's last, of those in `models.activations`.
        code_activation: of the code.
        output_activation: after the decoder's last convolution.
        pixels: "centred", the network sees pictures in [-0.5, 0.5]; or "unit", from 0 to 1, which a sigmoid spans.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.

    Attributes after `fit`:
        network_: the PyTorch module, with `encoder` and `decoder`.
    """

    kind: ClassVar[str] = "conv"
    added: ClassVar[dict[str, Any]] = {
        "activation": ELU,
        "code_activation": "linear",
        "output_activation": "linear",
        "pixels": "centred",
    }

    def __init__(
        self,
        code_size: int = 32,
        channels: tuple[int, ...] = (32, 64, 128, 256),
        dense_activation: str = "linear",
        seed: int = 0,
        device: str = "auto",
        activation: str = ELU,
        code_activation: str = "linear",
        output_activation: str = "linear",
        pixels: str = "centred",
    ) -> None:
        self.code_size = code_size
        self.channels = channels
        self.dense_activation = dense_activation
        self.activation = activation
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.pixels = pixels
        self.seed = seed
        self.device = device

    def _build(self, image_shape: tuple[int, int, int]) -> AutoencoderNetwork:
        problems = []
        if not 1 <= self.code_size <= LARGEST_CODE:
            problems.append(f"code size is {self.code_size}; give 1 to {LARGEST_CODE:,}")
        if not 1 <= len(self.channels) <= 8 or min(self.channels, default=0) < 1:
            problems.append(
                f"channels are {self.channels}; give 1 to 8 numbers of 1 or more, such as (32, 64, 128, 256)"
            )
        problems += unknown_pixels(self.pixels)
        problems += unknown_activations(self.activation, self.output_activation)
        problems += unknown_activations(self.dense_activation, self.code_activation, whole=True)
        if problems:
            raise OptionError("; ".join(problems))
        channels, offset = tuple(self.channels), OFFSETS[self.pixels]
        network = AutoencoderNetwork(
            Encoder(image_shape, self.code_size, channels, self.activation, self.code_activation, offset),
            Decoder(
                image_shape,
                self.code_size,
                channels,
                self.dense_activation,
                self.activation,
                self.output_activation,
                offset,
            ),
        )
        initialise_as_keras(network, self.seed)
        return network


class Encoder(nn.Module):
    """4 x (Conv 3x3 SAME, ELU, MaxPool 2), Flatten, Dense: (N, C, H, W) -> (N, code_size).

    A side that is not a multiple of 16 loses its last rows in the poolings, exactly as in Keras; a side shorter
    than 16 is padded first, since nothing would be left of it. Another activation than ELU comes before the pooling.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        code_size: int,
        channels: Sequence[int],
        activation: str = ELU,
        code_activation: str = "linear",
        offset: float = 0.0,
    ) -> None:
        super().__init__()
        self.offset = Offset(offset)
        height, width, depth = image_shape
        self.least_side = 2 ** len(channels)
        widths = [depth, *channels]
        for i in range(len(channels)):
            self.add_module(f"conv{i + 1}", nn.Conv2d(widths[i], widths[i + 1], 3, padding="same"))
        self.depth = len(channels)
        self.activation = Activation(activation)
        self.flatten = FlattenChannelsLast()
        grid_h, grid_w = (max(side, self.least_side) // self.least_side for side in (height, width))
        self.dense = nn.Linear(grid_h * grid_w * widths[-1], code_size)
        self.code_activation = Activation(code_activation, whole=True)

    def forward(self, images: Tensor) -> Tensor:
        """Encode float32 (N, C, H, W) in [-0.5, 0.5]."""
        x = pad_to_at_least(self.offset(images), self.least_side)
        for i in range(self.depth):
            convolution = self.convolution(i)
            fused = self.activation.name == ELU
            x = conv_pool_elu(x, convolution) if fused else F.max_pool2d(self.activation(convolution(x)), 2)
        code: Tensor = self.code_activation(self.dense(self.flatten(x)))
        return code

    def convolution(self, stage: int) -> nn.Conv2d:
        """Of a stage from 0."""
        found = self.get_submodule(f"conv{stage + 1}")
        assert isinstance(found, nn.Conv2d)
        return found


class Decoder(nn.Module):
    """Dense, Reshape, 4 x ConvTranspose 3x3 stride 2 SAME, ELU but for the last: (N, code_size) -> (N, C, H, W).

    The grid is rounded up, so that the result covers the picture, and what sticks out is cropped at the end.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        code_size: int,
        channels: Sequence[int],
        dense_activation: str = "linear",
        activation: str = ELU,
        output_activation: str = "linear",
        offset: float = 0.0,
    ) -> None:
        super().__init__()
        self.offset = Offset(-offset)
        self.height, self.width, depth = image_shape
        stride = 2 ** len(channels)
        grid_h, grid_w = -(-self.height // stride), -(-self.width // stride)
        widths = [*reversed(channels), depth]
        self.dense = nn.Linear(code_size, grid_h * grid_w * widths[0])
        self.dense_activation = Activation(dense_activation, whole=True)
        self.unflatten = UnflattenChannelsLast(grid_h, grid_w, widths[0])
        for i in range(len(channels)):
            fused = activation == ELU and i + 1 < len(channels)
            self.add_module(f"conv{i + 1}", SameConvTranspose2d(widths[i], widths[i + 1], elu=fused))
        self.depth = len(channels)
        self.activation = Activation("linear" if activation == ELU else activation)
        self.output_activation = Activation(output_activation)

    def forward(self, codes: Tensor) -> Tensor:
        """Decode float32 (N, code_size); the result is not clipped."""
        x = self.unflatten(self.dense_activation(self.dense(codes)))
        for i in range(self.depth):
            x = self.get_submodule(f"conv{i + 1}")(x)
            x = self.activation(x) if i + 1 < self.depth else x
        pictures: Tensor = self.offset(self.output_activation(x[..., : self.height, : self.width]))
        return pictures
