"""Autoencoders from Keras's files, and back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike.errors import OptionError, WeightsError
from lookalike.interop.keras_files import KerasFile, Layer, read_keras_file
from lookalike.models import model_class, store
from lookalike.models.base import Autoencoder, unknown_data
from lookalike.models.conv import ACTIVATIONS


class _Side(NamedTuple):
    """Encoder or decoder: its convolutions in order, and its one Dense layer."""

    path: Path
    convolutions: list[Layer]
    dense: Layer


def import_keras(
    paths: Sequence[str | Path], *, dense_activation: str | None = None, size: tuple[int, int] | None = None
) -> Autoencoder:
    """Make a model of Keras's weights: a `ConvAutoencoder`, or a `PCAAutoencoder` where there are only Dense layers.

    Layers are matched by kind and order; kernels are transposed. Conv2D is (rows, columns, in, out) in Keras,
    Conv2DTranspose (rows, columns, out, in), Dense (in, out).

    Args:
        paths: encoder and decoder, or one file of the whole model.
        dense_activation: "linear" or "elu" after the decoder's first Dense; needed where the files hold weights only,
            then "linear" unless given.
        size: (height, width) of the pictures, where the files do not say and they are not square.

    Raises:
        WeightsError: a file is damaged, or is not of such an autoencoder; the text names the layer.
        OptionError: an argument contradicts the files.
    """
    files = [read_keras_file(Path(path)) for path in paths]
    if dense_activation is not None and dense_activation not in ACTIVATIONS:
        raise OptionError(f"dense activation {dense_activation!r} is unknown; give one of {', '.join(ACTIVATIONS)}")
    encoder, decoder = _sides(files)
    _check_order(encoder, decoder)
    size = _declared_size(files) or size if size is None else _agreeing_size(files, size)
    if not encoder.convolutions and not decoder.convolutions:
        return _import_dense(encoder, decoder, size)
    return _import_convolutions(encoder, decoder, size, _activation(files, dense_activation))


def _sides(files: list[KerasFile]) -> tuple[_Side, _Side]:
    if len(files) == 2:
        first, second = (file.layers for file in files)
        paths = [file.path for file in files]
    else:
        (file,) = files
        paths = [file.path, file.path]
        first, second = file.models if len(file.models) == 2 and min(map(len, file.models)) else _split(file)
    return _side(first, paths[0], "encoder"), _side(second, paths[1], "decoder")


def _split(file: KerasFile) -> tuple[list[Layer], list[Layer]]:
    """A model that is not nested: what comes after the first Dense is the decoder's, and so is what is transposed."""
    dense = [layer for layer in file.layers if layer.kernel.ndim == 2]
    convolutions = [layer for layer in file.layers if layer.kernel.ndim == 4]
    if len(dense) != 2:
        raise WeightsError(
            f"{file.path} has {len(dense)} Dense layers; a whole autoencoder has two, encoder's and decoder's"
        )
    back = [layer for layer in convolutions if layer.transposed]
    forth = [layer for layer in convolutions if not layer.transposed]
    return [*forth, dense[0]], [dense[1], *back]


def _side(layers: list[Layer], path: Path, name: str) -> _Side:
    dense = [layer for layer in layers if layer.kernel.ndim == 2]
    convolutions = [layer for layer in layers if layer.kernel.ndim == 4]
    if len(dense) != 1:
        raise WeightsError(f"{path}: the {name} has {len(dense)} Dense layers, one is expected")
    for layer in convolutions:
        if layer.kernel.shape[:2] != (3, 3):
            raise WeightsError(f"{path}: {layer.name} has a kernel of {layer.kernel.shape[:2]}, (3, 3) is expected")
    return _Side(path, convolutions, dense[0])


def _check_order(encoder: _Side, decoder: _Side) -> None:
    # An encoder's first convolution reads pictures of 1 or 3 channels; seen as a Conv2D, a decoder's reads many.
    swapped = encoder.dense.kernel.shape[0] < encoder.dense.kernel.shape[1] and (
        decoder.dense.kernel.shape[0] > decoder.dense.kernel.shape[1]
    )
    if swapped:
        raise WeightsError(f"{encoder.path} looks like the decoder and {decoder.path} like the encoder; swap the two")
    codes = encoder.dense.kernel.shape[1], decoder.dense.kernel.shape[0]
    if codes[0] != codes[1]:
        raise WeightsError(f"the encoder makes codes of {codes[0]} numbers, the decoder reads {codes[1]}; give a pair")


def _import_dense(encoder: _Side, decoder: _Side, size: tuple[int, int] | None) -> Autoencoder:
    values, code_size = encoder.dense.kernel.shape
    return model_class("pca").restore(
        _description("pca", {"code_size": int(code_size)}, _dense_shape(values, size)),
        {
            name: {"dense.weight": side.dense.kernel.T, "dense.bias": side.dense.bias}
            for name, side in (("encoder", encoder), ("decoder", decoder))
        },
    )


def _dense_shape(values: int, size: tuple[int, int] | None) -> tuple[int, int, int]:
    """A colour square, else a grey one, unless the size is told."""
    for channels in (3, 1):
        side = math.isqrt(values // channels)
        height, width = size or (side, side)
        if height * width * channels == values:
            return height, width, channels
    raise OptionError(f"{values} values are no picture of size {size or 'n x n'}; give its size (--size)")


def _import_convolutions(
    encoder: _Side, decoder: _Side, size: tuple[int, int] | None, dense_activation: str
) -> Autoencoder:
    if not encoder.convolutions or not decoder.convolutions:
        raise WeightsError(f"only one of {encoder.path} and {decoder.path} has convolutions; give a pair")
    channels = [int(layer.kernel.shape[3]) for layer in encoder.convolutions]
    stride = 2 ** len(channels)
    if size is None:
        side = math.isqrt(encoder.dense.kernel.shape[0] // channels[-1])
        size = (side * stride, side * stride)
    grid = (size[0] // stride) * (size[1] // stride)
    if grid * channels[-1] != encoder.dense.kernel.shape[0]:
        raise OptionError(
            f"{encoder.dense.name} reads {encoder.dense.kernel.shape[0]} values, but pictures of {size[0]} x {size[1]} "
            f"give {grid * channels[-1]}; give the size they have (--size)"
        )
    parameters = {
        "code_size": int(encoder.dense.kernel.shape[1]),
        "channels": channels,
        "dense_activation": dense_activation,
    }
    shape = (*size, encoder.convolutions[0].kernel.shape[2])
    return model_class("conv").restore(
        _description("conv", parameters, shape), {"encoder": _tensors(encoder), "decoder": _tensors(decoder)}
    )


def _tensors(side: _Side) -> store.Tensors:
    """Both kinds of convolution turn by the same transposition: Keras's last two axes are PyTorch's first, reversed."""
    tensors = {"dense.weight": side.dense.kernel.T, "dense.bias": side.dense.bias}
    for i, layer in enumerate(side.convolutions, 1):
        tensors[f"conv{i}.weight"] = layer.kernel.transpose(3, 2, 0, 1)
        tensors[f"conv{i}.bias"] = layer.bias
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _description(kind: str, parameters: dict[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    picture = (int(shape[0]), int(shape[1]), int(shape[2]))
    return {
        "kind": kind,
        "parameters": parameters,
        "image_shape": list(picture),
        "data": unknown_data(picture),
        "history": [],
    }


def _activation(files: list[KerasFile], given: str | None) -> str:
    """What the architecture says of the decoder's first Dense, or what is given."""
    architecture = files[-1].architecture
    if architecture is None:
        return given or "linear"
    dense = [layer for layer in architecture if layer["class_name"] == "Dense"]
    if not dense:
        raise WeightsError(f"{files[-1].path} has no Dense layer in its architecture")
    found = str(dense[-1]["config"].get("activation", "linear"))
    if found not in ACTIVATIONS:
        raise WeightsError(
            f"{files[-1].path}: {dense[-1]['config'].get('name')} has activation {found!r}; "
            f"one of {', '.join(ACTIVATIONS)} is expected"
        )
    if given not in (None, found):
        raise OptionError(f"dense activation is given as {given!r}, but {files[-1].path} says {found!r}; leave it out")
    for layer in architecture:
        activation = layer["config"].get("activation", "linear")
        if layer["class_name"] in ("Conv2D", "Conv2DTranspose") and activation not in ("elu", "linear"):
            raise WeightsError(
                f"{files[-1].path}: {layer['config'].get('name')} has activation {activation!r}, not elu"
            )
    return found


def _declared_size(files: list[KerasFile]) -> tuple[int, int] | None:
    """Height and width of the pictures, where an architecture says."""
    for layer in files[0].architecture or ():
        shape: list[Any] = layer["config"].get("batch_input_shape") or layer["config"].get("batch_shape") or []
        if len(shape) == 4 and shape[1] and shape[2]:
            return int(shape[1]), int(shape[2])
    return None


def _agreeing_size(files: list[KerasFile], size: tuple[int, int]) -> tuple[int, int]:
    declared = _declared_size(files)
    if declared not in (None, size):
        raise OptionError(f"size is {size}, but {files[0].path} says {declared}; leave it out")
    return size
