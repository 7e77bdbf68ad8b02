"""The ONNX graphs of a sharp decoder, written out from its weights: beside a plain decoder, or with it as one."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.models import onnx_bytes
from lookalike.models.onnx_bytes import Side
from lookalike.models.onnx_graphs import CODES, OPSET, PICTURES, Chain, Tensors
from lookalike.models.onnx_residual import block, convolve, dense, grid, padded, silu

STRIDE = 8
"""Pixels of the picture for one cell of the coarsest grid."""
PLAIN = "plain"
"""The graph's input of what the plain decoder draws, float32 (N, C, H, W)."""
_NAME, _PREFIX = "sharp", "sharp."


def sharp_graph(image_shape: tuple[int, int, int], weights: Tensors) -> bytes:
    """The file of `codes` (N, K) and `plain` (N, C, H, W) to `pictures`, as `models.sharp_network` has it."""
    height, width, depth = image_shape
    shape: list[Side] = [depth, height, width]
    given: dict[str, list[Side]] = {CODES: [len(weights["mean"])], PLAIN: shape}
    return onnx_bytes.model(_drawn(image_shape, weights).graph(_NAME, given, PICTURES, shape), OPSET)


def sharp_upon(decoder: Any, image_shape: tuple[int, int, int], weights: Tensors) -> Any:
    """`onnx.ModelProto` of `codes` to `pictures` with detail: a plain decoder's, and what is drawn upon its result."""
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(decoder)
    for node in whole.graph.node:
        for names in (node.input, node.output):
            names[:] = [PLAIN if name == PICTURES else name for name in names]
    chain = _drawn(image_shape, weights)
    chain.nodes[-1].output = PICTURES
    whole.graph.MergeFromString(onnx_bytes.graph(_NAME, chain.nodes, chain.held, [], []))
    return whole


def _drawn(image_shape: tuple[int, int, int], weights: Tensors) -> Chain:
    height, width, _ = image_shape
    rows, columns = -(-height // STRIDE), -(-width // STRIDE)
    down, right = rows * STRIDE - height, columns * STRIDE - width
    chain = Chain(PLAIN, weights, _PREFIX)
    padded(chain, (down, right))
    whole = chain.last
    chain.join("Sub", CODES, chain.constant("mean", weights["mean"], np.float32))
    chain.add("Div", chain.constant("deviation", weights["deviation"], np.float32))
    channels = len(weights["dense.bias"]) // (rows * columns)
    grid(chain, dense(chain, chain.last, "dense"), "grid", (rows, columns, channels))
    for number, step in enumerate((8, 4, 2, 1)):
        so_far = chain.last
        chain.last = whole
        if step > 1:
            chain.add("AveragePool", kernel_shape=[step, step], strides=[step, step])
        convolve(chain, f"stages.{number}.see")
        chain.join("Add", so_far, chain.last)
        block(chain, f"stages.{number}.block")
        silu(chain)
        if step > 1:
            convolve(chain, f"growths.{number}")
            scales = chain.constant(f"double.{number}", [1, 1, 2, 2], np.float32)
            chain.add("Resize", "", scales, mode="linear", coordinate_transformation_mode="half_pixel")
    convolve(chain, "last")
    if down or right:
        ends = chain.constant("starts", [0, 0]), chain.constant("ends", [height, width])
        chain.add("Slice", *ends, chain.constant("axes", [2, 3]))
    chain.join("Add", PLAIN, chain.last)
    return chain
