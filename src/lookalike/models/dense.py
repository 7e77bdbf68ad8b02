"""The notebook's PCA autoencoder as a PyTorch module: Flatten, Dense, Dense, Reshape."""

from __future__ import annotations

from torch import Tensor, nn

from lookalike.models.base import Floats
from lookalike.models.layers import FlattenChannelsLast, UnflattenChannelsLast, initialise_as_keras


class DenseAutoencoderNetwork(nn.Module):
    """Two Dense layers without activation: (N, C, H, W) -> (N, code_size) -> (N, C, H, W)."""

    def __init__(self, image_shape: tuple[int, int, int], code_size: int, seed: int) -> None:
        super().__init__()
        height, width, channels = image_shape
        values = height * width * channels
        self.encoder = nn.Sequential()
        self.encoder.add_module("flatten", FlattenChannelsLast())
        self.encoder.add_module("dense", nn.Linear(values, code_size))
        self.decoder = nn.Sequential()
        self.decoder.add_module("dense", nn.Linear(code_size, values))
        self.decoder.add_module("unflatten", UnflattenChannelsLast(height, width, channels))
        initialise_as_keras(self, seed)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruct float32 (N, C, H, W) in [-0.5, 0.5]."""
        reconstruction: Tensor = self.decoder(self.encoder(images))
        return reconstruction


def layers_of(network: DenseAutoencoderNetwork) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """(weight, bias) of both Dense layers as float32 arrays, weights as (out, in)."""
    first, second = (
        (side["dense.weight"].cpu().numpy().copy(), side["dense.bias"].cpu().numpy().copy())
        for side in (network.encoder.state_dict(), network.decoder.state_dict())
    )
    return first, second
