"""The ONNX graphs of the residual autoencoder, written out from its weights."""

from __future__ import annotations

from typing import Any

from lookalike.models.onnx_graphs import (
    CHANNELS_FIRST,
    CHANNELS_LAST,
    CODES,
    PICTURES,
    Chain,
    Sides,
    Tensors,
    sides_of,
)
from lookalike.models.onnx_unet import folded
from lookalike.models.residual_shape import DECODER_STRIDE, ENCODER_STRIDE, fold_of


def residual(
    parameters: dict[str, Any], image_shape: tuple[int, int, int], encoder: Tensors, decoder: Tensors
) -> Sides:
    """As `models.residual`: whitened principal components in and out, and a network's correction to each."""
    forth, back = Chain(PICTURES, encoder), Chain(CODES, decoder)
    fold = fold_of(int(parameters.get("fold", 1)), image_shape)
    _encode(forth, image_shape, fold)
    _decode(back, image_shape, fold)
    return sides_of(forth, back, image_shape, int(parameters["code_size"]))


def _encode(chain: Chain, image_shape: tuple[int, int, int], fold: int) -> None:
    height, width, depth = image_shape
    linear = dense(chain, _flat(chain, PICTURES), "linear")
    chain.last = PICTURES
    down, right = (-side % (ENCODER_STRIDE * fold) for side in (height, width))
    if down or right:
        chain.add("Pad", chain.constant("margins", [0, 0, 0, 0, 0, 0, down, right]), mode="edge")
    if fold > 1:
        folded(chain, chain.last, depth, fold)
    _pooled(chain, "trunk.0.conv")
    _pooled(chain, "trunk.1.conv")
    _pooled(chain, "trunk.2.conv")
    _step(chain, "trunk.3.conv")
    _pooled(chain, "trunk.4.conv")
    _step(chain, "trunk.5.conv")
    chain.join("Add", linear, dense(chain, _flat(chain, chain.last), "dense"))


def _decode(chain: Chain, image_shape: tuple[int, int, int], fold: int) -> None:
    height, width, depth = image_shape
    stride = DECODER_STRIDE * fold
    rows, columns = -(-height // stride), -(-width // stride)
    channels = chain.tensors["dense.weight"].shape[0] // (rows * columns)
    linear = grid(chain, dense(chain, CODES, "linear"), "shape", (height, width, depth))
    grid(chain, dense(chain, CODES, "dense"), "grid", (rows, columns, channels))
    for number, widening in ((0, 1), (3, 4)):
        block(chain, f"trunk.{number}")
        chain.add("Conv", *chain.weights(f"trunk.{widening}"), kernel_shape=[1, 1])
        chain.add("DepthToSpace", blocksize=2, mode="CRD")
    block(chain, "trunk.6")
    silu(chain)
    convolve(chain, "last")
    chain.add("DepthToSpace", blocksize=2 * fold, mode="CRD")
    if (rows * stride, columns * stride) != (height, width):
        ends = chain.constant("starts", [0, 0]), chain.constant("ends", [height, width])
        chain.add("Slice", *ends, chain.constant("axes", [2, 3]))
    chain.join("Add", linear, chain.last)


def _flat(chain: Chain, name: str) -> str:
    chain.join("Transpose", name, perm=CHANNELS_LAST)
    return chain.join("Flatten", chain.last, axis=1)


def dense(chain: Chain, name: str, layer: str) -> str:
    """A Dense layer of what is under a name."""
    return chain.join("Gemm", name, *chain.weights(layer), transB=1)


def grid(chain: Chain, name: str, of: str, shape: tuple[int, int, int]) -> str:
    """Rows as grids of (H, W, C), which come as (C, H, W); the shape is kept under the name `of`."""
    chain.join("Reshape", name, chain.constant(of, [-1, *shape]))
    return chain.join("Transpose", chain.last, perm=CHANNELS_FIRST)


def _pooled(chain: Chain, layer: str) -> None:
    convolve(chain, layer)
    chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    chain.add("Elu")


def _step(chain: Chain, layer: str) -> None:
    start = chain.last
    silu(chain)
    convolve(chain, layer)
    chain.join("Add", start, chain.last)


def block(chain: Chain, name: str) -> None:
    """x + conv(SiLU(conv(SiLU(x)))), as `models.residual.SmoothBlock`."""
    start = chain.last
    for layer in ("conv1", "conv2"):
        silu(chain)
        convolve(chain, f"{name}.{layer}")
    chain.join("Add", start, chain.last)


def silu(chain: Chain) -> None:
    """x sigmoid(x)."""
    given = chain.last
    chain.join("Mul", given, chain.join("Sigmoid", given))


def convolve(chain: Chain, layer: str) -> None:
    """A convolution of 3 x 3 that keeps the sides."""
    chain.add("Conv", *chain.weights(layer), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
