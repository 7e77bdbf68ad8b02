"""Keras's weights without an architecture: the layers that the reference notebook has around them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lookalike.errors import OptionError, WeightsError
from lookalike.interop.keras_files import KerasFile
from lookalike.interop.keras_layers import Layer


def halves(file: KerasFile) -> tuple[list[Layer], list[Layer]]:
    """Encoder and decoder of one file: two nested models in whatever order, or a chain cut at its first Dense.

    Raises:
        WeightsError: there are not two Dense layers.
    """
    if len(file.models) == 2 and all(_denses(layers) == 1 for layers in file.models):
        first, second = file.models
        swapped = _is_decoder(first) and not _is_decoder(second)
        return (second, first) if swapped or _looks_swapped(first, second) else (first, second)
    dense = [layer for layer in file.layers if layer.kind == "Dense"]
    if len(dense) != 2:
        raise WeightsError(
            f"{file.path} has {len(dense)} Dense layers; a whole autoencoder has two, encoder's and decoder's"
        )
    forth = [layer for layer in file.layers if layer.kind == "Conv2D"]
    back = [layer for layer in file.layers if layer.kind == "Conv2DTranspose"]
    return [*forth, dense[0]], [dense[1], *back]


def _denses(layers: list[Layer]) -> int:
    return sum(layer.kind == "Dense" for layer in layers)


def _is_decoder(layers: list[Layer]) -> bool:
    return any(layer.kind in ("Conv2DTranspose", "Reshape") for layer in layers)


def _looks_swapped(encoder: list[Layer], decoder: list[Layer]) -> bool:
    """Whether the first widens and the second narrows."""
    first, second = (next(layer for layer in side if layer.kind == "Dense") for side in (encoder, decoder))
    widths = [layer.weights["kernel"].shape for layer in (first, second)]
    return bool(widths[0][0] < widths[0][1] and widths[1][0] > widths[1][1])


def check_pair(path: Path, encoder: list[Layer], decoder_path: Path, decoder: list[Layer]) -> None:
    """Refuse what are not an encoder and a decoder, in this order, of one code.

    Raises:
        WeightsError: they are not; the text names the files.
    """
    for side, layers, name in ((path, encoder, "encoder"), (decoder_path, decoder, "decoder")):
        if _denses(layers) != 1:
            found = ", ".join(repr(layer.name) for layer in layers if layer.kind == "Dense")
            raise WeightsError(f"{side}: the {name} has {_denses(layers)} Dense layers ({found}), one is expected")
    if _looks_swapped(encoder, decoder):
        raise WeightsError(f"{path} looks like the decoder and {decoder_path} like the encoder; swap the two")
    both = [any(layer.kind.startswith("Conv") for layer in side) for side in (encoder, decoder)]
    if both[0] != both[1]:
        raise WeightsError(f"only one of {path} and {decoder_path} has convolutions; give a pair")
    first, second = (next(layer for layer in side if layer.kind == "Dense") for side in (encoder, decoder))
    codes = first.weights["kernel"].shape[1], second.weights["kernel"].shape[0]
    if codes[0] != codes[1]:
        raise WeightsError(f"the encoder makes codes of {codes[0]} numbers, the decoder reads {codes[1]}; give a pair")


def notebooks_input(path: Path, encoder: list[Layer], size: tuple[int, int] | None) -> tuple[int, ...]:
    """The pictures' shape, (H, W, C), as the Dense layer's inputs tell it, of a square unless `size` is given.

    Raises:
        OptionError: the size does not fit the weights.
        WeightsError: a kernel is not 3 x 3.
    """
    dense, convolutions = _sorted(encoder)
    values = int(dense.weights["kernel"].shape[0])
    if not convolutions:
        return picture_of(values, size)
    for layer in convolutions:
        if layer.weights["kernel"].shape[:2] != (3, 3):
            raise WeightsError(
                f"{path}: {layer.name} has a kernel of {layer.weights['kernel'].shape[:2]}, (3, 3) is expected"
            )
    stride, channels = 2 ** len(convolutions), convolutions[-1].outputs
    if size is None:
        side = math.isqrt(values // channels) * stride
        size = (side, side)
    grid = (size[0] // stride) * (size[1] // stride)
    if grid * channels != values:
        raise OptionError(
            f"{dense.name} reads {values} values, but pictures of {size[0]} x {size[1]} give {grid * channels}; "
            "give the size they have (--size)"
        )
    return (*size, int(convolutions[0].weights["kernel"].shape[2]))


def picture_of(values: int, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """(H, W, C) of that many values: a colour square, else a grey one, unless the size is told.

    Raises:
        OptionError: there is no such picture.
    """
    for channels in (3, 1):
        side = math.isqrt(values // channels)
        height, width = size or (side, side)
        if height * width * channels == values:
            return height, width, channels
    raise OptionError(f"{values} values are no picture of size {size or 'n x n'}; give its size (--size)")


def notebooks_encoder(layers: list[Layer]) -> list[Layer]:
    """ELU and a pooling of 2 after each convolution; a linear code."""
    told: list[Layer] = []
    dense, convolutions = _sorted(layers)
    for layer in convolutions:
        told += [_as(layer, padding="same", activation="elu"), Layer("a pooling", "MaxPooling2D", {"pool_size": 2})]
    return [*told, Layer("the flattening", "Flatten", {}), _as(dense)]


def _sorted(layers: list[Layer]) -> tuple[Layer, list[Layer]]:
    """The Dense layer, and the convolutions: Keras 3 orders layers of different kinds by name."""
    dense = next(layer for layer in layers if layer.kind == "Dense")
    return dense, [layer for layer in layers if layer is not dense]


def notebooks_decoder(layers: list[Layer], given: tuple[int, ...], dense_activation: str) -> list[Layer]:
    """A grid from the code, transposed convolutions with stride 2 and ELU but for the last, the picture cut out."""
    dense, convolutions = _sorted(layers)
    if not convolutions:
        return [_as(dense), Layer("the shape", "Reshape", {"target_shape": given})]
    stride = 2 ** len(convolutions)
    height, width = given[:2]
    grid = -(-height // stride), -(-width // stride)
    told = [_as(dense, activation=dense_activation)]
    told.append(Layer("the grid", "Reshape", {"target_shape": [*grid, dense.outputs // math.prod(grid)]}))
    for i, layer in enumerate(convolutions, 1):
        layer.kind = "Conv2DTranspose"  # whatever its name
        told.append(_as(layer, strides=2, padding="same", activation="elu" if i < len(convolutions) else "linear"))
    excess = (0, grid[0] * stride - height), (0, grid[1] * stride - width)
    return [*told, Layer("the end", "Cropping2D", {"cropping": excess})]


def _as(layer: Layer, **config: Any) -> Layer:
    """A layer of weights alone with the configuration it is taken to have, where the file does not say another."""
    kernel = layer.weights["kernel"]
    size = {} if kernel.ndim == 2 else {"kernel_size": kernel.shape[:2]}
    return Layer(layer.name, layer.kind, {**size, **config, **layer.config}, layer.weights)
