"""The smallest autoencoder with an activation: one Dense layer in, one out."""

from __future__ import annotations

import math
from typing import ClassVar

from torch import nn

from lookalike.errors import OptionError
from lookalike.models.activations import Activation, unknown_activations
from lookalike.models.conv import LARGEST_CODE
from lookalike.models.layers import (
    OFFSETS,
    AutoencoderNetwork,
    FlattenChannelsLast,
    Offset,
    UnflattenChannelsLast,
    initialise_as_keras,
    unknown_pixels,
)
from lookalike.models.networked import NetworkAutoencoder


class DenseAutoencoder(NetworkAutoencoder):
    """One hidden layer: Dense with an activation to the code, Dense with an activation to the pictures.

    The first autoencoder of most tutorials. With both activations "linear" it is a `PCAAutoencoder` by gradient, which
    has a closed form; with "relu" the code is of parts that are there or not. A "sigmoid" goes from 0 to 1, so its
    pictures should be `pixels="unit"`.

    Args:
        code_size: numbers a picture, 1 to 65,536.
        code_activation: of the code: one of Keras's, by its name, such as "relu", "softmax" or "leaky_relu:0.2".
        output_activation: of the pictures, likewise.
        pixels: "centred", the network sees pictures in [-0.5, 0.5]; or "unit", from 0 to 1.
        seed: of the initial weights, the order of the pictures, and their noise.
        device: "auto" (a GPU where there is one), "cpu" or "cuda"; only this and the versions change the last bits.

    Attributes after `fit`:
        network_: the PyTorch module, with `encoder` and `decoder`.
    """

    kind: ClassVar[str] = "dense"

    def __init__(
        self,
        code_size: int = 32,
        code_activation: str = "relu",
        output_activation: str = "linear",
        pixels: str = "centred",
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self.code_size = code_size
        self.code_activation = code_activation
        self.output_activation = output_activation
        self.pixels = pixels
        self.seed = seed
        self.device = device

    def _build(self, image_shape: tuple[int, int, int]) -> AutoencoderNetwork:
        problems = unknown_activations(self.code_activation, self.output_activation, whole=True)
        problems += unknown_pixels(self.pixels)
        if not 1 <= self.code_size <= LARGEST_CODE:
            problems.append(f"code size is {self.code_size}; give 1 to {LARGEST_CODE:,}")
        if problems:
            raise OptionError("; ".join(problems))
        values, offset = math.prod(image_shape), OFFSETS[self.pixels]
        encoder, decoder = nn.Sequential(), nn.Sequential()
        encoder.add_module("offset", Offset(offset))
        encoder.add_module("flatten", FlattenChannelsLast())
        encoder.add_module("dense", nn.Linear(values, self.code_size))
        encoder.add_module("activation", Activation(self.code_activation, whole=True))
        decoder.add_module("dense", nn.Linear(self.code_size, values))
        decoder.add_module("activation", Activation(self.output_activation, whole=True))
        decoder.add_module("unflatten", UnflattenChannelsLast(*image_shape))
        decoder.add_module("offset", Offset(-offset))
        network = AutoencoderNetwork(encoder, decoder)
        initialise_as_keras(network, self.seed)
        return network
