"""A chain of Keras's layers as blocks: a layer with weights, normalisations folded into it, its activation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError, WeightsError
from lookalike.interop.keras_layers import ACTIVATING, NOTHING, WEIGHTED, Layer, pair
from lookalike.models.activations import activation, is_rising

LARGEST_VALUES = 2**25
"""Numbers of one picture between two layers: 2,000 x 2,000 pixels of 8 channels."""
RENAMED = {"swish": "silu", "hard_swish": "hard_silu", "leaky_relu": "leaky_relu:0.2", "softmax_v2": "softmax"}
FIXED: dict[str, dict[str, Any]] = {
    "Conv2D": {"kernel_size": (3, 3), "strides": (1, 1), "padding": "same", "dilation_rate": (1, 1), "groups": 1},
    "Conv2DTranspose": {"kernel_size": (3, 3), "strides": (2, 2), "padding": "same", "dilation_rate": (1, 1)},
    "MaxPooling2D": {"pool_size": (2, 2), "strides": (2, 2), "padding": "valid"},
}
"""What the networks here have, and what Keras has where a configuration is silent."""
SILENT: dict[str, dict[str, Any]] = {
    "Conv2D": {"strides": 1, "padding": "valid", "dilation_rate": 1, "groups": 1},
    "Conv2DTranspose": {"strides": 1, "padding": "valid", "dilation_rate": 1},
    "MaxPooling2D": {"pool_size": 2, "padding": "valid"},
}


@dataclass
class KerasBlock:
    """A layer with weights and what follows it.

    Attributes:
        layer: as the file has it.
        kernel, bias: with the normalisations after it folded in.
        activation: of those in `models.activations`.
        after: poolings, reshapings and croppings between it and the next block, in order.
        inputs: the shape it takes, without the batch.
    """

    layer: Layer
    kernel: npt.NDArray[np.float64]
    bias: npt.NDArray[np.float64]
    inputs: tuple[int, ...]
    activation: str = "linear"
    activated_by: str = ""
    after: list[Layer] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """Keras's class."""
        return self.layer.kind


@dataclass
class KerasChain:
    """The blocks, the shape of what goes in and of what comes out, and the Rescalings before and behind the blocks."""

    given: tuple[int, ...]
    result: tuple[int, ...]
    blocks: list[KerasBlock]
    first: list[Layer] = field(default_factory=list)
    last: list[Layer] = field(default_factory=list)


def walked(parts: Iterable[tuple[Path, Sequence[Layer]]], given: tuple[int, ...]) -> KerasChain:
    """Follow a picture of shape `given`, (H, W, C) or (values,), through the layers of all files.

    Raises:
        WeightsError: a layer has a setting that no model here has, or does not fit the one before it; the text names
            the file, the layer and the value.
    """
    walk = _Walk(given)
    for path, layers in parts:
        for layer in layers:
            try:
                walk.take(layer)
            except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
                raise WeightsError(
                    f"{path}: layer {layer.name!r} has a configuration that is none ({error})"
                ) from error
            except WeightsError as error:
                raise WeightsError(f"{path}: layer {layer.name!r} {error}") from error
    return KerasChain(given, walk.shape, walk.blocks, walk.first, walk.last)


class _Walk:
    def __init__(self, given: tuple[int, ...]) -> None:
        self.shape = given
        self.blocks: list[KerasBlock] = []
        self.first: list[Layer] = []
        self.last: list[Layer] = []

    def take(self, layer: Layer) -> None:
        """One more layer."""
        kind = layer.kind
        _check_settings(layer)
        if self.last and kind in (*WEIGHTED, *ACTIVATING):
            raise WeightsError(
                f"follows on {self.last[-1].name!r}; a Rescaling has its place at either end of a network"
            )
        if kind == "InputLayer":
            self._check_input(layer)
        elif kind in ("Dense", "Conv2D", "Conv2DTranspose"):
            self._weigh(layer)
        elif kind == "BatchNormalization":
            self._fold(layer)
        elif kind == "Rescaling":
            rescaling(layer)  # refused here, where the file is known
            (self.last if self.blocks else self.first).append(layer)
        elif kind not in NOTHING and kind not in _SHAPES:
            self._activate(layer)
        elif kind in _SHAPES:
            self.shape = _SHAPES[kind](layer, self.shape)
            if self.blocks:
                self.blocks[-1].after.append(layer)
        if min(self.shape) < 1 or math.prod(self.shape) > LARGEST_VALUES:
            raise WeightsError(f"gives {shown(self.shape)} numbers a picture; 1 to {LARGEST_VALUES:,} are allowed")

    def _check_input(self, layer: Layer) -> None:
        declared = declared_shape(layer)
        misfit = declared is not None and (
            len(declared) != len(self.shape)
            or any(side not in (None, here) for side, here in zip(declared, self.shape, strict=True))
        )
        if misfit:
            raise WeightsError(f"takes {shown(declared or ())}; the layer before it gives {shown(self.shape)}")

    def _weigh(self, layer: Layer) -> None:
        rank = 1 if layer.kind == "Dense" else 3
        if len(self.shape) != rank:
            raise WeightsError(f"of kind {layer.kind} takes {shown(self.shape)}; {rank} axes are expected")
        kernel = layer.weights["kernel"]
        takes = kernel.shape[3 if layer.kind == "Conv2DTranspose" else -2]
        if takes != self.shape[-1]:
            raise WeightsError(f"reads {takes} values; the layer before it gives {self.shape[-1]}")
        for name, weight in layer.weights.items():
            if not np.isfinite(weight).all():
                raise WeightsError(f"has a {name} with values that are not finite")
        self.blocks.append(KerasBlock(layer, kernel.astype(np.float64), layer.bias.astype(np.float64), self.shape))
        scale = 2 if layer.kind == "Conv2DTranspose" else 1
        self.shape = (*(side * scale for side in self.shape[:-1]), layer.outputs)
        self._activate(layer)

    def _activate(self, layer: Layer) -> None:
        name = _activation(layer)
        if name == "linear":
            return
        block = self._last(layer)
        if block.activation != "linear":
            raise WeightsError(f"applies {name} after {block.activation} of {block.activated_by!r}; one is expected")
        whole = len(self.shape) == 1
        try:
            activation(name, whole=whole)
        except OptionError as error:
            raise WeightsError(f"has an activation that no model here has: {error}") from error
        if any(one.kind == "MaxPooling2D" for one in block.after) and not is_rising(name):
            raise WeightsError(f"applies {name} after a MaxPooling2D; only before it can a model here have it")
        block.activation, block.activated_by = name, layer.name

    def _fold(self, layer: Layer) -> None:
        """(x - mean) / sqrt(variance + epsilon) * gamma + beta, put into the weights of the layer before it."""
        block = self._last(layer)
        if block.activation != "linear":
            raise WeightsError(
                f"normalises after {block.activation} of {block.activated_by!r}; it can be folded only into a layer "
                "with weights right before it"
            )
        if any(one.kind != "Reshape" for one in block.after):
            raise WeightsError(
                f"normalises after {block.after[-1].name!r}; it can only right after a layer with weights"
            )
        axis = layer.config.get("axis", -1)
        axis = axis[0] if isinstance(axis, list | tuple) and len(axis) == 1 else axis
        if axis not in (-1, len(self.shape)):
            raise WeightsError(f"has axis {axis}; -1 (channels) is expected")
        held = {name: weight.astype(np.float64) for name, weight in layer.weights.items()}
        if any(weight.shape != self.shape[-1:] for weight in held.values()):
            raise WeightsError(
                f"normalises {len(held['moving_mean'])} channels; the layer before it has {self.shape[-1]}"
            )
        scale = held.get("gamma", 1.0) / np.sqrt(held["moving_variance"] + float(layer.config.get("epsilon", 1e-3)))
        shift = held.get("beta", 0.0) - held["moving_mean"] * scale
        repeats = len(block.bias) // len(scale)  # a Dense that is reshaped to a grid has every channel many times
        scale, shift = np.tile(scale, repeats), np.tile(shift, repeats)
        block.kernel = block.kernel * (scale[:, None] if block.kind == "Conv2DTranspose" else scale)
        block.bias = block.bias * scale + shift

    def _last(self, layer: Layer) -> KerasBlock:
        if not self.blocks:
            raise WeightsError(
                f"of kind {layer.kind} stands before every layer with weights; no model here has one there"
            )
        return self.blocks[-1]


def _check_settings(layer: Layer) -> None:
    if layer.config.get("data_format") not in (None, "channels_last"):
        raise WeightsError(f"has data_format {layer.config['data_format']!r}; 'channels_last' is expected")
    given = {**SILENT.get(layer.kind, {}), **{name: value for name, value in layer.config.items() if value is not None}}
    if layer.kind == "MaxPooling2D":
        given.setdefault("strides", given["pool_size"])
    for name, expected in FIXED.get(layer.kind, {}).items():
        found = pair(given[name]) if isinstance(expected, tuple) else given[name]
        if found != expected:
            raise WeightsError(f"has {name} {found}; {expected} is expected")
    if layer.config.get("output_padding") is not None:
        raise WeightsError(f"has output_padding {layer.config['output_padding']}; none is expected")


def _activation(layer: Layer) -> str:
    """An activation, or a layer that is one, by the name of `models.activations`."""
    config = layer.config
    if layer.kind == "LeakyReLU":
        return f"leaky_relu:{float(config.get('negative_slope', config.get('alpha', 0.3)))!r}"
    if layer.kind == "ReLU":
        slope, most = float(config.get("negative_slope") or 0), config.get("max_value")
        if float(config.get("threshold") or 0) or most not in (None, 6) or (slope and most is not None):
            given = {name: config.get(name) for name in ("max_value", "negative_slope", "threshold")}
            raise WeightsError(f"is a ReLU with {given}; a slope, or a max_value of 6, is expected")
        return f"leaky_relu:{slope!r}" if slope else "relu" if most is None else "relu6"
    if layer.kind == "ELU":
        alpha = float(config.get("alpha", 1.0))
        return "elu" if alpha == 1 else f"elu:{alpha!r}"
    if layer.kind == "Softmax":
        if config.get("axis", -1) != -1:
            raise WeightsError(f"has axis {config['axis']}; -1 is expected")
        return "softmax"
    named: Any = config.get("activation") or "linear"
    if isinstance(named, dict):
        inner = named.get("config")
        if named["class_name"] in ("LeakyReLU", "ReLU", "ELU", "Softmax") and isinstance(inner, dict):
            return _activation(Layer(layer.name, named["class_name"], inner))
        named = inner if isinstance(inner, str) else named["class_name"]
    return RENAMED.get(str(named), str(named))


def rescaling(layer: Layer) -> tuple[float, float]:
    """Factor and offset of a Rescaling.

    Raises:
        WeightsError: they are several, one to each channel.
    """
    values = layer.config["scale"], layer.config.get("offset", 0.0)
    for name, value in zip(("scale", "offset"), values, strict=True):
        if not isinstance(value, int | float):
            raise WeightsError(f"has {name} {value}; one number for all channels is expected")
    factor, offset = float(values[0]), float(values[1])
    if not 0 < factor < float("inf") or not abs(offset) < float("inf"):
        raise WeightsError(f"has scale {factor:g} and offset {offset:g}; a scale above 0 is expected")
    return factor, offset


def declared_shape(layer: Layer) -> tuple[int | None, ...] | None:
    """The shape that a layer's configuration says it takes, without the batch."""
    shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
    return None if shape is None else tuple(None if side is None else int(side) for side in shape[1:])


def _flattened(_: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    return (math.prod(shape),)


def _reshaped(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    target = [int(side) for side in layer.config["target_shape"]]
    if target.count(-1) == 1:
        target[target.index(-1)] = math.prod(shape) // -math.prod(target)
    if math.prod(target) != math.prod(shape):
        raise WeightsError(f"has target_shape {tuple(target)}; {math.prod(shape):,} numbers come in")
    return tuple(target)


def _pooled(_: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    height, width, channels = shape
    return height // 2, width // 2, channels


def _cropped(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    height, width, channels = shape
    (top, bottom), (left, right) = cropping(layer)
    if top or left:
        raise WeightsError(f"has cropping {layer.config['cropping']}; only rows and columns at the end can go")
    return height - bottom, width - right, channels


def cropping(layer: Layer) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows before and after, columns before and after."""
    given = layer.config["cropping"]
    rows, columns = (given, given) if isinstance(given, int) else given
    return pair(rows), pair(columns)


_SHAPES = {"Flatten": _flattened, "Reshape": _reshaped, "MaxPooling2D": _pooled, "Cropping2D": _cropped}


def shown(shape: Sequence[int | None]) -> str:
    """A shape without its batch, as texts have it: 8 x any x 3."""
    return " x ".join("any" if side is None else f"{side:,}" for side in shape)
