"""The reference notebook's convolutional autoencoder as a PyTorch module, for any picture size."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from lookalike.kernels import pool_elu
from lookalike.models.layers import (
    FlattenChannelsLast,
    SameConvTranspose2d,
    UnflattenChannelsLast,
    initialise_as_keras,
    pad_to_at_least,
)

ACTIVATIONS = {"linear": nn.Identity, "elu": nn.ELU}


class Encoder(nn.Module):
    """4 x (Conv 3x3 SAME, ELU, MaxPool 2), Flatten, Dense: (N, C, H, W) -> (N, code_size).

    A side that is not a multiple of 16 loses its last rows in the poolings, exactly as in Keras; a side shorter
    than 16 is padded first, since nothing would be left of it.
    """

    def __init__(self, image_shape: tuple[int, int, int], code_size: int, channels: Sequence[int]) -> None:
        super().__init__()
        height, width, depth = image_shape
        self.least_side = 2 ** len(channels)
        widths = [depth, *channels]
        for i in range(len(channels)):
            self.add_module(f"conv{i + 1}", nn.Conv2d(widths[i], widths[i + 1], 3, padding="same"))
        self.depth = len(channels)
        self.flatten = FlattenChannelsLast()
        grid_h, grid_w = (max(side, self.least_side) // self.least_side for side in (height, width))
        self.dense = nn.Linear(grid_h * grid_w * widths[-1], code_size)

    def forward(self, images: Tensor) -> Tensor:
        """Encode float32 (N, C, H, W) in [-0.5, 0.5]."""
        x = pad_to_at_least(images, self.least_side)
        for i in range(self.depth):
            x = pool_elu(self.get_submodule(f"conv{i + 1}")(x))
        code: Tensor = self.dense(self.flatten(x))
        return code


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
    ) -> None:
        super().__init__()
        self.height, self.width, depth = image_shape
        stride = 2 ** len(channels)
        grid_h, grid_w = -(-self.height // stride), -(-self.width // stride)
        widths = [*reversed(channels), depth]
        self.dense = nn.Linear(code_size, grid_h * grid_w * widths[0])
        self.activation = ACTIVATIONS[dense_activation]()
        self.unflatten = UnflattenChannelsLast(grid_h, grid_w, widths[0])
        for i in range(len(channels)):
            self.add_module(f"conv{i + 1}", SameConvTranspose2d(widths[i], widths[i + 1], elu=i + 1 < len(channels)))
        self.depth = len(channels)

    def forward(self, codes: Tensor) -> Tensor:
        """Decode float32 (N, code_size); the result is not clipped."""
        x = self.unflatten(self.activation(self.dense(codes)))
        for i in range(self.depth):
            x = self.get_submodule(f"conv{i + 1}")(x)
        pictures: Tensor = x[..., : self.height, : self.width]
        return pictures


class AutoencoderNetwork(nn.Module):
    """An encoder and a decoder, trained as one."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        initialise_as_keras(self, seed)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct float32 (N, C, H, W) in [-0.5, 0.5]."""
        reconstruction: Tensor = self.decoder(self.encoder(images))
        return reconstruction
