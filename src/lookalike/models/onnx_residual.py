"""The ONNX graphs of the residual autoencoder, written out from its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
from lookalike.models.residual_shape import DECODER_STRIDE, ENCODER_STRIDE, STRONGER, fold_of, is_guided


def residual(
    parameters: dict[str, Any], image_shape: tuple[int, int, int], encoder: Tensors, decoder: Tensors
) -> Sides:
    """As `models.residual_network`: whitened principal components in and out, and a network's correction to each."""
    forth, back = Chain(PICTURES, encoder), Chain(CODES, decoder)
    fold = fold_of(int(parameters.get("fold", 1)), image_shape)
    guided = is_guided(bool(parameters.get("guided", False)), fold)
    _encode(forth, image_shape, fold, guided)
    _decode(back, image_shape, fold, guided)
    return sides_of(forth, back, image_shape, int(parameters["code_size"]))


def _encode(chain: Chain, image_shape: tuple[int, int, int], fold: int, guided: bool) -> None:
    height, width, depth = image_shape
    linear = dense(chain, _flat(chain, PICTURES), "linear")
    chain.last = PICTURES
    if guided:
        chain.join("Concat", PICTURES, _left(chain, image_shape, linear), axis=1)
    padded(chain, [-side % (ENCODER_STRIDE * fold) for side in (height, width)])
    if fold > 1:
        folded(chain, chain.last, 2 * depth if guided else depth, fold)
    _pooled(chain, "trunk.0.conv")
    _pooled(chain, "trunk.1.conv")
    _pooled(chain, "trunk.2.conv")
    _step(chain, "trunk.3.conv")
    _pooled(chain, "trunk.4.conv")
    _step(chain, "trunk.5.conv")
    chain.join("Add", linear, dense(chain, _flat(chain, chain.last), "dense"))


def _left(chain: Chain, image_shape: tuple[int, int, int], codes: str) -> str:
    """What the principal components of these codes leave of the pictures, as `ResidualEncoder._left`."""
    chain.join("Mul", codes, chain.constant("variances", chain.tensors["variances"], np.float32))
    components, mean = "linear.weight", chain.constant("mean", chain.tensors["mean"], np.float32)
    drawn = grid(chain, chain.join("Gemm", chain.last, components, mean), "picture", image_shape)
    chain.join("Sub", PICTURES, drawn)
    return chain.join("Mul", chain.last, chain.constant("stronger", STRONGER, np.float32))


def padded(chain: Chain, margins: Sequence[int]) -> None:
    """So many rows below and columns to the right, as the edge has them."""
    if any(margins):
        chain.add("Pad", chain.constant("margins", [0, 0, 0, 0, 0, 0, *margins]), mode="edge")


def _decode(chain: Chain, image_shape: tuple[int, int, int], fold: int, guided: bool) -> None:
    height, width, depth = image_shape
    stride = DECODER_STRIDE * fold
    rows, columns = -(-height // stride), -(-width // stride)
    channels = chain.tensors["dense.weight"].shape[0] // (rows * columns)
    linear = grid(chain, dense(chain, CODES, "linear"), "shape", (height, width, depth))
    if guided:
        padded(chain, [rows * stride - height, columns * stride - width])
    drawn = chain.last
    grid(chain, dense(chain, CODES, "dense"), "grid", (rows, columns, channels))
    for number, widening, layer, side in ((0, 1, "see_coarse", 4 * fold), (3, 4, "see_fine", 2 * fold)):
        block(chain, f"trunk.{number}")
        convolve(chain, f"trunk.{widening}")
        chain.add("DepthToSpace", blocksize=2, mode="CRD")
        if guided:
            so_far = chain.last
            folded(chain, drawn, depth, side)
            convolve(chain, layer)
            chain.join("Add", so_far, chain.last)
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
    """x + conv(SiLU(conv(SiLU(x)))), as `models.residual_network.SmoothBlock`."""
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
    """A convolution that keeps the sides, of 1 x 1 or 3 x 3 as its weight says."""
    side = chain.tensors[f"{layer}.weight"].shape[-1]
    chain.add("Conv", *chain.weights(layer), kernel_shape=[side, side], pads=[side // 2] * 4)
