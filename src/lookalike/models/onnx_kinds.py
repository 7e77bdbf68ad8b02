"""The kinds of models whose ONNX graphs we write out ourselves, and the tensors that each has: without PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lookalike.models.onnx_bytes import model
from lookalike.models.onnx_graphs import (
    OPSET,
    SIDE,
    Sides,
    Tensors,
    contrasting,
    convolutional,
    has_operators,
    linear,
)
from lookalike.models.onnx_residual import residual
from lookalike.models.onnx_unet import unet
from lookalike.models.residual_shape import DECODER_STRIDE, ENCODER_STRIDE, fold_of, is_guided
from lookalike.models.store import Shapes
from lookalike.models.unet_shape import HALVINGS

ImageShape = tuple[int, int, int]
Side = dict[str, tuple[int, ...]]
ENCODER, DECODER, DENOISER = "encoder", "decoder", "denoiser"
"""Names of graphs: the two sides of a model with a code, or the one of a model without."""

GRAPHS: dict[str, Callable[[dict[str, Any], ImageShape, Tensors, Tensors], Sides]] = {
    "conv": convolutional,
    "dense": linear,
    "pca": linear,
    "residual": residual,
    "search": contrasting,
}
"""By the model's kind: from its parameters, picture shape (H, W, C), and weights of both sides."""
CODELESS: dict[str, Callable[[dict[str, Any], ImageShape, Tensors, Tensors], bytes]] = {"unet": unet}
"""Kinds that are one graph, pictures to pictures, as `GRAPHS` are two."""


def has_graph(kind: str, parameters: dict[str, Any]) -> bool:
    """Whether we write out the graphs of a model of a kind with these parameters."""
    return kind in CODELESS or (kind in GRAPHS and has_operators(parameters))


def written_out(
    kind: str, parameters: dict[str, Any], image_shape: ImageShape, encoder: Tensors, decoder: Tensors
) -> dict[str, bytes] | None:
    """The content of an ONNX file by name of a kind whose graphs we write ourselves, None of any other."""
    parts = parameters, image_shape, encoder, decoder
    if not has_graph(kind, parameters):
        return None
    if kind in CODELESS:
        return {DENOISER: model(CODELESS[kind](*parts), OPSET)}
    return {name: model(graph, OPSET) for name, graph in zip((ENCODER, DECODER), GRAPHS[kind](*parts), strict=True)}


def shapes_of(kind: str, parameters: dict[str, Any], image_shape: ImageShape) -> Shapes:
    """The tensors of a kind of `SHAPES`, as `Autoencoder.expected` has them.

    Raises:
        TypeError, ValueError, ArithmeticError: the parameters are not that kind's, or out of range.
    """
    return SHAPES[kind](image_shape, **parameters)


def _conv(
    image_shape: ImageShape,
    *,
    code_size: int,
    channels: Sequence[int],
    dense_activation: str,
    seed: int,
    device: str,
    activation: str = "",
    code_activation: str = "",
    output_activation: str = "",
    pixels: str = "centred",
) -> Shapes:
    height, width, depth = image_shape
    stride = 2 ** len(channels)
    within = math.prod(max(side, stride) // stride for side in (height, width))
    around = math.prod(-(-side // stride) for side in (height, width))
    forth, back = [depth, *channels], [*reversed(channels), depth]
    encoder, decoder = Side(), Side()
    for i in range(len(channels)):
        encoder |= _layer(f"conv{i + 1}", (forth[i + 1], forth[i], 3, 3))
        decoder |= {f"conv{i + 1}.weight": (back[i], back[i + 1], 3, 3), f"conv{i + 1}.bias": (back[i + 1],)}
    encoder |= _layer("dense", (code_size, within * channels[-1]))
    decoder |= _layer("dense", (around * channels[-1], code_size))
    return {"encoder": encoder, "decoder": decoder}


def _dense(
    image_shape: ImageShape,
    *,
    code_size: int,
    code_activation: str,
    output_activation: str,
    pixels: str,
    seed: int,
    device: str,
) -> Shapes:
    return _flat(image_shape, code_size, math.prod(image_shape))


def _search(image_shape: ImageShape, *, code_size: int) -> Shapes:
    height, width, depth = image_shape
    reduction = max(1, round(min(height, width) / SIDE))
    return _flat(image_shape, code_size, depth * (height // reduction) * -(-(width // reduction) // 2))


def _flat(image_shape: ImageShape, code_size: int, values: int) -> Shapes:
    """Dense from so many values to the code, and back to all of a picture's."""
    return {
        "encoder": _layer("dense", (code_size, values)),
        "decoder": _layer("dense", (math.prod(image_shape), code_size)),
    }


def _residual(
    image_shape: ImageShape,
    *,
    code_size: int,
    width: int,
    fold: int = 1,
    guided: bool = False,
    seed: int,
    device: str,
) -> Shapes:
    height, across, depth = image_shape
    fold = fold_of(fold, image_shape)
    guided = is_guided(guided, fold)
    values, finest, folded = math.prod(image_shape), -(-width // 2), depth * fold**2
    coarse = math.prod(-(-side // (ENCODER_STRIDE * fold)) for side in (height, across))
    cells = math.prod(-(-side // (DECODER_STRIDE * fold)) for side in (height, across))
    steps = {0: (finest, folded * (2 if guided else 1)), 1: (width, finest), 2: (2 * width, width), 3: (2 * width,) * 2}
    steps |= {4: (4 * width, 2 * width), 5: (4 * width,) * 2}
    encoder = _layer("linear", (code_size, values)) | _layer("dense", (code_size, coarse * 4 * width))
    for i, step in steps.items():
        encoder |= _layer(f"trunk.{i}.conv", (*step, 3, 3))
    decoder = _layer("linear", (values, code_size)) | _layer("dense", (cells * 4 * width, code_size))
    for i, channels in ((0, 4 * width), (3, 2 * width), (6, width)):
        decoder |= _two_convolutions(f"trunk.{i}", channels)
    for i, channels in ((1, 4 * width), (4, 2 * width)):
        decoder |= _layer(f"trunk.{i}", (2 * channels, channels, 1, 1))
    decoder |= _layer("last", (4 * folded, width, 3, 3))
    if guided:
        encoder |= {"mean": (values,), "variances": (code_size,)}
        decoder |= _layer("see_coarse", (2 * width, 16 * folded, 1, 1)) | _layer("see_fine", (width, 4 * folded, 3, 3))
    return {"encoder": encoder, "decoder": decoder}


def _unet(
    image_shape: ImageShape,
    *,
    width: int,
    blocks: int,
    channels: Sequence[int] = (),
    fold: int = 1,
    biases: bool = True,
    objective: str = "mse",
    noisy_only: bool = False,
    seed: int,
    device: str,
) -> Shapes:
    folded = image_shape[2] * fold**2
    scales = channels or [width << i for i in range(HALVINGS + 1)]
    encoder = _layer("head", (scales[0], folded + 2, 3, 3))
    decoder = _layer("tail", (folded, scales[0], 3, 3))
    for i in range(HALVINGS):
        fine, coarse = scales[i], scales[i + 1]
        encoder |= _layer(f"down{i + 1}", (coarse, fine, 2, 2))
        decoder |= _layer(f"up{i + 1}", (4 * fine, coarse, 1, 1))
        for block in range(blocks):
            encoder |= _two_convolutions(f"blocks{i + 1}.{block}", fine)
            decoder |= _two_convolutions(f"blocks{i + 1}.{block}", fine)
    for block in range(blocks):
        encoder |= _two_convolutions(f"bottom.{block}", scales[HALVINGS])
    sides = {"encoder": encoder, "decoder": decoder}
    if biases:
        return sides
    return {side: {name: of for name, of in own.items() if len(of) > 1} for side, own in sides.items()}


def _two_convolutions(name: str, channels: int) -> Side:
    both = [_layer(f"{name}.conv{i}", (channels, channels, 3, 3)) for i in (1, 2)]
    return both[0] | both[1]


def _layer(name: str, shape: tuple[int, ...]) -> Side:
    """A weight, and a bias for each of what it gives."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


SHAPES: dict[str, Callable[..., Shapes]] = {
    "conv": _conv,
    "dense": _dense,
    "residual": _residual,
    "search": _search,
    "unet": _unet,
}
"""By kind: from the picture shape and the parameters of its constructor."""
