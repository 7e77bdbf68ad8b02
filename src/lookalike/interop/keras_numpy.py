"""Keras's layers computed from their configuration in NumPy, in float64: what an import is compared with.

It shares nothing with the models that the weights go into: no kernel is turned, no bias folded, no layer merged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from lookalike.interop.keras_layers import NOTHING, Layer, pair

Doubles = npt.NDArray[np.float64]


def computed(layers: Sequence[Layer], given: npt.ArrayLike) -> Doubles:
    """What Keras gives for a batch, (N, H, W, C) or (N, K)."""
    x: Doubles = np.asarray(given, np.float64)
    for layer in layers:
        if layer.kind not in NOTHING:
            x = _LAYERS[layer.kind](x, layer)
    return x


def _dense(x: Doubles, layer: Layer) -> Doubles:
    return _activated(x @ layer.weights["kernel"].astype(np.float64) + layer.bias, layer)


def _convolution(x: Doubles, layer: Layer) -> Doubles:
    """Each tap of the kernel on the pixels that it meets."""
    kernel = layer.weights["kernel"].astype(np.float64)
    strides, size = pair(layer.config.get("strides", 1)), kernel.shape[:2]
    margins = [
        _same(x.shape[1 + i], size[i], strides[i]) if layer.config["padding"] == "same" else (0, 0) for i in (0, 1)
    ]
    x = np.pad(x, ((0, 0), *margins, (0, 0)))
    rows, columns = ((x.shape[1 + i] - size[i]) // strides[i] + 1 for i in (0, 1))
    result = np.zeros((len(x), rows, columns, kernel.shape[3]))
    for i, j in np.ndindex(*size):
        met = x[:, i : i + rows * strides[0] : strides[0], j : j + columns * strides[1] : strides[1]]
        result += met[:, :rows, :columns] @ kernel[i, j]
    return _activated(result + layer.bias, layer)


def _transposed(x: Doubles, layer: Layer) -> Doubles:
    """The gradient of a convolution, as TensorFlow defines it: each pixel spreads by the kernel; then margins go."""
    kernel = layer.weights["kernel"].astype(np.float64)
    strides, size = pair(layer.config.get("strides", 1)), kernel.shape[:2]
    height, width = x.shape[1:3]
    whole = [(n - 1) * strides[i] + max(size[i], strides[i]) for i, n in enumerate((height, width))]
    full = np.zeros((len(x), *whole, kernel.shape[2]))
    for i, j in np.ndindex(*size):
        reached = full[:, i : i + height * strides[0] : strides[0], j : j + width * strides[1] : strides[1]]
        reached[:, :height, :width] += x @ kernel[i, j].T
    if layer.config["padding"] == "same":
        for axis, n in ((1, height), (2, width)):
            before, _ = _same(n * strides[axis - 1], size[axis - 1], strides[axis - 1])
            full = np.take(full, range(before, before + n * strides[axis - 1]), axis)
    return _activated(full + layer.bias, layer)


def _same(side: int, size: int, stride: int) -> tuple[int, int]:
    """TensorFlow's SAME: zeros before and after, the odd one after."""
    missing = max((-(-side // stride) - 1) * stride + size - side, 0)
    return missing // 2, missing - missing // 2


def _pooling(x: Doubles, layer: Layer) -> Doubles:
    size = pair(layer.config["pool_size"])
    rows, columns = x.shape[1] // size[0], x.shape[2] // size[1]
    blocks = x[:, : rows * size[0], : columns * size[1]].reshape(len(x), rows, size[0], columns, size[1], -1)
    pooled: Doubles = blocks.max((2, 4))
    return pooled


def _normalisation(x: Doubles, layer: Layer) -> Doubles:
    held = {name: weight.astype(np.float64) for name, weight in layer.weights.items()}
    deviation = np.sqrt(held["moving_variance"] + float(layer.config.get("epsilon", 1e-3)))
    normal: Doubles = (x - held["moving_mean"]) / deviation
    return normal * held.get("gamma", 1.0) + held.get("beta", 0.0)


def _cropping(x: Doubles, layer: Layer) -> Doubles:
    (top, bottom), (left, right) = (pair(side) for side in _sides(layer.config["cropping"]))
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def _sides(cropping: Any) -> Any:
    return (cropping, cropping) if isinstance(cropping, int) else cropping


def _activated(x: Doubles, layer: Layer) -> Doubles:
    given = layer.config.get("activation") or "linear"
    if isinstance(given, dict):  # Keras 3: a layer, or a function of its own name
        inner = given["config"] if isinstance(given["config"], dict) else {}
        if given["class_name"] in _LAYERS:
            return _LAYERS[given["class_name"]](x, Layer(layer.name, given["class_name"], inner))
        given = given["config"]
    return _FUNCTIONS[given](x)


def _leaky(x: Doubles, slope: float) -> Doubles:
    return np.where(x < 0, slope * x, x)


def _elu(x: Doubles, alpha: float = 1.0) -> Doubles:
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


def _relu_layer(x: Doubles, layer: Layer) -> Doubles:
    most = layer.config.get("max_value")
    return np.minimum(_leaky(x, float(layer.config.get("negative_slope") or 0)), np.inf if most is None else most)


def _leaky_layer(x: Doubles, layer: Layer) -> Doubles:
    slope = layer.config.get("negative_slope", layer.config.get("alpha", 0.3))
    return _leaky(x, float(slope))


def _softmax(x: Doubles) -> Doubles:
    result: Doubles = special.softmax(x, -1)
    return result


_SELU = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
_FUNCTIONS: dict[str, Callable[[Doubles], Doubles]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: _leaky(x, 0.2),
    "elu": _elu,
    "celu": _elu,
    "selu": lambda x: _SELU[0] * _elu(x, _SELU[1]),
    "sigmoid": lambda x: special.expit(x),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "log_sigmoid": lambda x: special.log_expit(x),
    "sparse_sigmoid": lambda x: np.clip(x / 2 + 0.5, 0, 1),
    "tanh": np.tanh,
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "tanh_shrink": lambda x: x - np.tanh(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "squareplus": lambda x: (x + np.sqrt(x**2 + 4)) / 2,
    "sparse_plus": lambda x: np.where(x <= -1, 0, np.where(x >= 1, x, (x + 1) ** 2 / 4)),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
    "hard_shrink": lambda x: np.where(np.abs(x) > 0.5, x, 0),
    "silu": lambda x: x * special.expit(x),
    "swish": lambda x: x * special.expit(x),
    "hard_silu": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
    "gelu": lambda x: x * special.ndtr(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "exponential": np.exp,
    "softmax": _softmax,
    "log_softmax": lambda x: special.log_softmax(x, -1),
}
_LAYERS: dict[str, Callable[[Doubles, Layer], Doubles]] = {
    "Activation": _activated,
    "BatchNormalization": _normalisation,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "Cropping2D": _cropping,
    "Dense": _dense,
    "ELU": lambda x, layer: _elu(x, float(layer.config.get("alpha", 1.0))),
    "Flatten": lambda x, _: x.reshape(len(x), -1),
    "LeakyReLU": _leaky_layer,
    "MaxPooling2D": _pooling,
    "ReLU": _relu_layer,
    "Rescaling": lambda x, layer: x * layer.config["scale"] + layer.config.get("offset", 0.0),
    "Reshape": lambda x, layer: x.reshape(len(x), *layer.config["target_shape"]),
    "Softmax": lambda x, _: _softmax(x),
}
