"""ONNX graphs of the models we know, written out from their weights: in milliseconds, without PyTorch.

A kind that is not among `onnx_kinds.GRAPHS` goes through PyTorch's own exporter (`interop.onnx_export`); this is for
those that have to answer at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.models import onnx_bytes
from lookalike.models.onnx_bytes import Node, Side

Tensors = dict[str, npt.NDArray[np.float32]]
Sides = tuple[bytes, bytes]
"""The graphs of encoder and decoder, as `onnx_bytes.graph` has them."""

OPSET = 18
"""Of the default operator set: what ONNX Runtime 1.14 and ONNX Runtime Web 1.15 or newer run."""
PICTURES, CODES = "pictures", "codes"
"""Names of the graphs' inputs and outputs: pictures are float32 (N, C, H, W) centred to [-0.5, 0.5], codes (N, K)."""
BATCH = "batch"
CHANNELS_LAST, CHANNELS_FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
"""Codes are learned from pictures flattened with their channels last."""


OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "elu": ("Elu", {}),
    "leaky_relu": ("LeakyRelu", {}),
    "linear": ("", {}),
    "relu": ("Relu", {}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
    "tanh": ("Tanh", {}),
}
"""Activations that are one operator of ONNX; a model with another goes through PyTorch's exporter."""


class Chain:
    """Nodes of which each takes what the one before gave; `prefix` keeps its names apart from another chain's."""

    def __init__(self, first: str, tensors: Tensors, prefix: str = "") -> None:
        self.last = first
        self.tensors = tensors
        self.prefix = prefix
        self.nodes: list[Node] = []
        self.held: list[bytes] = []

    def add(self, kind: str, *constants: str, **attributes: Any) -> None:
        """Append a node of one data input and any number of constants."""
        result = f"{self.prefix}{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(Node(kind, [self.last, *constants], result, result, attributes))
        self.last = result

    def join(self, kind: str, *given: str, **attributes: Any) -> str:
        """Append a node of any inputs, computed or constant; its result is what the next one takes."""
        self.last, others = given[0], given[1:]
        self.add(kind, *others, **attributes)
        return self.last

    def constant(self, name: str, values: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> str:
        """Keep an array under a name."""
        self.held.append(onnx_bytes.tensor(f"{self.prefix}{name}", np.asarray(values, dtype)))
        return f"{self.prefix}{name}"

    def weights(self, layer: str) -> tuple[str, ...]:
        """Keep a layer's weight, and its bias where it has one."""
        names = tuple(name for name in (f"{layer}.weight", f"{layer}.bias") if name in self.tensors)
        return tuple(self.constant(name, self.tensors[name], np.float32) for name in names)

    def activate(self, name: str) -> None:
        """Append one of Keras's activations."""
        kind, _, number = name.partition(":")
        if kind != "linear":
            operator, attributes = OPERATORS[kind]
            self.add(operator, **attributes, **({"alpha": float(number)} if number else {}))

    def shift(self, parameters: dict[str, Any], sign: float) -> None:
        """From centred pixels to those that the network sees, or with a sign of -1 back."""
        if parameters.get("pixels", "centred") == "unit":
            self.add("Add", self.constant("offset", sign * 0.5, np.float32))

    def graph(self, name: str, inputs: dict[str, list[Side]], result: str, shape: list[Side]) -> bytes:
        """All of it, from the inputs to `result`, each with its shape but for the batch."""
        self.nodes[-1].output = result
        values = [onnx_bytes.value(one, [BATCH, *sides]) for one, sides in [*inputs.items(), (result, shape)]]
        return onnx_bytes.graph(name, self.nodes, self.held, values[:-1], values[-1:])


def linear(parameters: dict[str, Any], image_shape: tuple[int, int, int], encoder: Tensors, decoder: Tensors) -> Sides:
    """Flatten and Dense; Dense and Reshape; with their activations where there are any."""
    forth, back = _linear_chains(image_shape, encoder, decoder, parameters)
    return sides_of(forth, back, image_shape, int(parameters["code_size"]))


def _linear_chains(
    image_shape: tuple[int, int, int], encoder: Tensors, decoder: Tensors, parameters: dict[str, Any]
) -> tuple[Chain, Chain]:
    height, width, depth = image_shape
    forth = Chain(PICTURES, encoder)
    forth.shift(parameters, 1)
    forth.add("Transpose", perm=CHANNELS_LAST)
    forth.add("Flatten", axis=1)
    forth.add("Gemm", *forth.weights("dense"), transB=1)
    forth.activate(parameters.get("code_activation", "linear"))
    back = Chain(CODES, decoder)
    back.add("Gemm", *back.weights("dense"), transB=1)
    back.activate(parameters.get("output_activation", "linear"))
    back.shift(parameters, -1)
    back.add("Reshape", back.constant("shape", [-1, height, width, depth]))
    back.add("Transpose", perm=CHANNELS_FIRST)
    return forth, back


def convolutional(
    parameters: dict[str, Any], image_shape: tuple[int, int, int], encoder: Tensors, decoder: Tensors
) -> Sides:
    """As `models.conv`: convolutions, poolings and Dense; Dense and transposed convolutions."""
    height, width, _ = image_shape
    channels = list(parameters["channels"])
    activation = parameters.get("activation", "elu")
    stride = 2 ** len(channels)
    forth = Chain(PICTURES, encoder)
    forth.shift(parameters, 1)
    if min(height, width) < stride:
        missing = [0, 0, 0, 0, 0, 0, max(stride - height, 0), max(stride - width, 0)]
        forth.add("Pad", forth.constant("margins", missing), mode="edge")
    for i in range(len(channels)):
        forth.add("Conv", *forth.weights(f"conv{i + 1}"), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        forth.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        forth.activate(activation)  # none of `OPERATORS` falls, so the pooling may come first: a quarter of the pixels
    forth.add("Transpose", perm=CHANNELS_LAST)
    forth.add("Flatten", axis=1)
    forth.add("Gemm", *forth.weights("dense"), transB=1)
    forth.activate(parameters.get("code_activation", "linear"))

    rows, columns = -(-height // stride), -(-width // stride)
    back = Chain(CODES, decoder)
    back.add("Gemm", *back.weights("dense"), transB=1)
    back.activate(parameters["dense_activation"])
    back.add("Reshape", back.constant("grid", [-1, rows, columns, channels[-1]]))
    back.add("Transpose", perm=CHANNELS_FIRST)
    for i in range(len(channels)):
        # TensorFlow's SAME: the full result of 2n + 1 loses its last row and column.
        names = back.weights(f"conv{i + 1}")
        back.add("ConvTranspose", *names, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
        if i + 1 < len(channels):
            back.activate(activation)
    if (rows * stride, columns * stride) != (height, width):
        ends = back.constant("starts", [0, 0]), back.constant("ends", [height, width])
        back.add("Slice", *ends, back.constant("axes", [2, 3]))
    back.activate(parameters.get("output_activation", "linear"))
    back.shift(parameters, -1)
    return sides_of(forth, back, image_shape, int(parameters["code_size"]))


SIDE, NEIGHBOURHOOD, FOCUS, LEAST_CONTRAST, LEAST_DEVIATION = 32, 1 / 8, 0.32, 0.02, 1e-3
"""As in `models.search`, whose module brings in PyTorch; `tests/interop/test_onnx_export.py` holds both together."""


def contrasting(
    parameters: dict[str, Any], image_shape: tuple[int, int, int], encoder: Tensors, decoder: Tensors
) -> Sides:
    """As `models.search`: local contrast, the mean over both mirror images, and Dense; Dense and Reshape."""
    forth = Chain(PICTURES, encoder)
    reduction = max(1, round(min(image_shape[:2]) / SIDE))
    height, width = (side // reduction for side in image_shape[:2])
    if reduction > 1:
        forth.add("AveragePool", kernel_shape=[reduction, reduction], strides=[reduction, reduction])
    _normalise(forth)
    blur = forth.constant("rows", _blur(height), np.float32), forth.constant("columns", _blur(width).T, np.float32)

    def blurred(name: str) -> str:
        return forth.join("MatMul", forth.join("MatMul", blur[0], name), blur[1])

    x = forth.last
    x = forth.join("Sub", x, blurred(x))
    contrast = forth.join("Sqrt", forth.join("Relu", blurred(forth.join("Mul", x, x))))
    divisor = forth.join("Add", contrast, forth.constant("least_contrast", LEAST_CONTRAST, np.float32))
    focus = np.outer(_bell(height, 1.2 * FOCUS * height), _bell(width, FOCUS * width))
    x = forth.join("Mul", forth.join("Div", x, divisor), forth.constant("focus", focus, np.float32))
    mirrored = forth.join("Gather", x, forth.constant("mirror", np.arange(width)[::-1]), axis=3)
    x = forth.join("Mul", forth.join("Add", x, mirrored), forth.constant("half", 0.5, np.float32))
    forth.join("Gather", x, forth.constant("kept", np.arange(-(-width // 2))), axis=3)
    forth.add("Flatten", axis=1)
    forth.add("Gemm", *forth.weights("dense"), transB=1)
    _, back = _linear_chains(image_shape, encoder, decoder, {})
    return sides_of(forth, back, image_shape, int(parameters["code_size"]))


def _normalise(chain: Chain) -> None:
    """Each picture with mean 0 and standard deviation 1."""
    axes = chain.constant("picture", [1, 2, 3])
    x = chain.last
    x = chain.join("Sub", x, chain.join("ReduceMean", x, axes, keepdims=1))
    deviation = chain.join("Sqrt", chain.join("ReduceMean", chain.join("Mul", x, x), axes, keepdims=1))
    least = chain.constant("least_deviation", LEAST_DEVIATION, np.float32)
    chain.join("Div", x, chain.join("Add", deviation, least))


def _bell(side: int, deviation: float) -> npt.NDArray[np.float64]:
    bell: npt.NDArray[np.float64] = np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / deviation) ** 2)
    return bell


def _blur(side: int) -> npt.NDArray[np.float64]:
    """The Gaussian neighbourhood's mean along a side, as a matrix."""
    from scipy.ndimage import gaussian_filter1d

    blur: npt.NDArray[np.float64] = gaussian_filter1d(np.eye(side), NEIGHBOURHOOD * side, axis=0)
    return blur


def has_operators(parameters: dict[str, Any]) -> bool:
    """Whether every activation of a model is one of `OPERATORS`."""
    return all(
        str(value).partition(":")[0] in OPERATORS for name, value in parameters.items() if name.endswith("activation")
    )


def sides_of(forth: Chain, back: Chain, image_shape: tuple[int, int, int], code_size: int) -> Sides:
    """The graphs of both sides of a model with a code."""
    height, width, depth = image_shape
    shape: list[Side] = [depth, height, width]
    code: list[Side] = [code_size]
    return forth.graph("encoder", {PICTURES: shape}, CODES, code), back.graph("decoder", {CODES: code}, PICTURES, shape)
