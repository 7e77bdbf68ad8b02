"""The ONNX graph of the U-Net that removes noise, written out from its weights: one graph, pictures of any size."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.models.onnx_bytes import Side
from lookalike.models.onnx_graphs import PICTURES, Chain, Tensors
from lookalike.models.unet_shape import HALVINGS, LEVEL_SCALE, piece_reach, stride_of

CLEAN, LEVELS = "clean", "levels"
"""Names beside `PICTURES`: the output (N, C, H, W), and the noise's standard deviations (N,)."""


def unet(
    parameters: dict[str, Any],
    image_shape: tuple[int, int, int],
    encoder: Tensors,
    decoder: Tensors,
    *,
    by_pixel: bool = False,
) -> bytes:
    """As `models.unet`: pictures and levels in, clean pictures of the same size out; any batch and size.

    Levels are (N,), one for each picture; or with `by_pixel` (N, H, W).
    """
    both = {f"encoder.{name}": tensor for name, tensor in encoder.items()}
    both |= {f"decoder.{name}": tensor for name, tensor in decoder.items()}
    chain = Chain(PICTURES, both)
    height, width = (_length(chain, PICTURES, axis) for axis in (2, 3))
    fold = _fold_of(parameters)
    stride = stride_of(fold)
    rows, columns = (_continued(chain, length, stride) for length in (height, width))
    whole = chain.join("Gather", chain.join("Gather", PICTURES, rows, axis=2), columns, axis=3)
    seen = whole if fold == 1 else folded(chain, whole, image_shape[2], fold)
    if by_pixel:
        levels = chain.join("Gather", chain.join("Gather", LEVELS, rows, axis=1), columns, axis=2)
        planes = _pooled(chain, _told(chain, levels, [1]), fold)
    else:
        planes = _expanded(chain, _told(chain, LEVELS, [1, 2, 3]), seen)
    chain.join("Concat", seen, planes, axis=1)
    _network(chain, int(parameters["blocks"]))
    if fold > 1:
        chain.add("DepthToSpace", blocksize=fold, mode="CRD")
    chain.join("Sub", whole, chain.last)
    zeros, axes = chain.constant("zeros", [0, 0]), chain.constant("axes", [2, 3])
    kept = chain.last
    chain.join("Slice", kept, zeros, chain.join("Concat", height, width, axis=0), axes)
    shape: list[Side] = [image_shape[2], "height", "width"]
    return chain.graph("denoiser", {PICTURES: shape, LEVELS: shape[1:] if by_pixel else []}, CLEAN, shape)


def reach_of(parameters: dict[str, Any]) -> int:
    """Pixels, along an axis, from which a pixel of the result can be changed: as `UNetDenoiser.reach`."""
    return piece_reach(int(parameters["blocks"]), _fold_of(parameters))


def _fold_of(parameters: dict[str, Any]) -> int:
    return int(parameters.get("fold", 1))


def folded(chain: Chain, pictures: str, depth: int, fold: int) -> str:
    """Squares of pixels as channels, in PyTorch's order: a picture's channel first, then the place in the square."""
    places = np.arange(fold * fold * depth).reshape(fold * fold, depth).T.ravel()
    return chain.join(
        "Gather", chain.join("SpaceToDepth", pictures, blocksize=fold), chain.constant(f"order_{fold}", places), axis=1
    )


def _length(chain: Chain, name: str, axis: int) -> str:
    """A side's length: int64 (1,)."""
    return chain.join("Shape", name, start=axis, end=axis + 1)


def _continued(chain: Chain, length: str, multiple: int) -> str:
    """Places along a side, continued by reflection to a multiple: as `numpy.pad`'s "reflect", of any length."""
    stride, one, two = (chain.constant(f"{length}_{n}", [n]) for n in (multiple, 1, 2))
    rounded = chain.join("Add", length, chain.constant(f"{length}_{multiple - 1}", [multiple - 1]))
    whole = chain.join("Mul", chain.join("Div", rounded, stride), stride)
    period = chain.join("Max", chain.join("Mul", chain.join("Sub", length, one), two), one)
    zero, step = (chain.constant(f"{length}_scalar_{n}", n) for n in (0, 1))
    count = chain.join("Squeeze", whole)
    forth = chain.join("Mod", chain.join("Range", zero, count, step), period)
    return chain.join("Min", forth, chain.join("Sub", period, forth))


def _told(chain: Chain, levels: str, axes: list[int]) -> str:
    """What the network is told of the noise, beside one another: whether it is told, and ten times the level.

    Levels (N,) or (N, H, W) become (N, 2, 1, 1) or (N, 2, H, W) by the axes that they lack.
    """
    none = chain.constant("none", 0.0, np.float32)
    told = chain.join("Cast", chain.join("GreaterOrEqual", levels, none), to=1)  # float32
    scaled = chain.join("Mul", levels, chain.constant("level_scale", LEVEL_SCALE, np.float32))
    level = chain.join("Mul", told, scaled)
    rest = chain.constant("rest", axes)
    pair = [chain.join("Unsqueeze", one, rest) for one in (told, level)]
    return chain.join("Concat", *pair, axis=1)


def _pooled(chain: Chain, planes: str, fold: int) -> str:
    """The mean over the squares of pixels that are the places of the finest scale."""
    if fold == 1:
        return planes
    return chain.join("AveragePool", planes, kernel_shape=[fold, fold], strides=[fold, fold])


def _expanded(chain: Chain, both: str, seen: str) -> str:
    """(N, 2, 1, 1) at every place of the finest scale."""
    count, sides = chain.join("Shape", seen, start=0, end=1), chain.join("Shape", seen, start=2, end=4)
    return chain.join("Expand", both, chain.join("Concat", count, chain.constant("pair", [2]), sides, axis=0))


def _network(chain: Chain, blocks: int) -> None:
    """The way down and the way up, from the picture with its planes to the noise."""
    _convolve(chain, "encoder.head")
    features = []
    for i in range(HALVINGS):
        _blocks(chain, f"encoder.blocks{i + 1}", blocks)
        features.append(chain.last)
        chain.add("Conv", *chain.weights(f"encoder.down{i + 1}"), kernel_shape=[2, 2], strides=[2, 2])
    _blocks(chain, "encoder.bottom", blocks)
    for i in reversed(range(HALVINGS)):
        chain.add("Conv", *chain.weights(f"decoder.up{i + 1}"), kernel_shape=[1, 1])
        chain.add("DepthToSpace", blocksize=2, mode="CRD")
        chain.join("Add", chain.last, features[i])
        _blocks(chain, f"decoder.blocks{i + 1}", blocks)
    _convolve(chain, "decoder.tail")


def _blocks(chain: Chain, name: str, count: int) -> None:
    for i in range(count):
        start = chain.last
        _convolve(chain, f"{name}.{i}.conv1")
        chain.add("Relu")
        _convolve(chain, f"{name}.{i}.conv2")
        chain.join("Add", start, chain.last)


def _convolve(chain: Chain, layer: str) -> None:
    chain.add("Conv", *chain.weights(layer), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
