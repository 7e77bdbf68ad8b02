"""Autoencoders from Keras's files: exactly what Keras computes, or refused with the layer's name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lookalike.errors import OptionError, WeightsError
from lookalike.interop.keras_chain import KerasBlock, KerasChain, cropping, declared_shape, shown, walked
from lookalike.interop.keras_files import KerasFile, read_keras_file
from lookalike.interop.keras_layers import Layer
from lookalike.interop.keras_numpy import computed
from lookalike.interop.keras_scales import Scales, fold, scales
from lookalike.interop.keras_weights import (
    check_pair,
    halves,
    notebooks_decoder,
    notebooks_encoder,
    notebooks_input,
    picture_of,
)
from lookalike.models import model_class, store
from lookalike.models.activations import activation
from lookalike.models.base import Autoencoder
from lookalike.models.inputs import unknown_data
from lookalike.models.layers import OFFSETS, unknown_pixels

COMPARED = 4
"""Random pictures on which the model is compared with the layers."""
LARGEST_DIFFERENCE = 1e-5
"""Of codes and pictures, in units of their largest number where that is more than 1."""

Part = tuple[Path, list[Layer]]


class Imported(NamedTuple):
    """A model of Keras's weights.

    Attributes:
        model: as if it were trained here.
        difference: the largest between it and the layers, computed one by one from the configuration in the files; None
            where these hold weights alone.
    """

    model: Autoencoder
    difference: float | None


def import_keras(
    paths: Sequence[str | Path],
    *,
    dense_activation: str | None = None,
    size: tuple[int, int] | None = None,
    pixels: str = "centred",
    seed: int = 0,
) -> Imported:
    """Make a model of Keras's weights: a `ConvAutoencoder`, or where there are only Dense layers a PCA or a dense one.

    Files that say what they compute are taken at their word, layer by layer. Where they hold weights alone, they are
    taken to be of the reference notebook's network: ELU after each convolution, poolings of 2, a linear code.

    Args:
        paths: encoder and decoder, or one file of the whole model.
        dense_activation: what follows the decoder's first Dense where the files hold weights only, then "linear" unless
            given.
        size: (height, width) of the pictures, where the files do not say and they are not square.
        pixels: what the network was trained on: "centred", pictures in [-0.5, 0.5], as the course does, or "unit", 0 to
            1, as most do; the model takes and gives centred ones either way.
        seed: of the pictures that the model is compared on.

    Raises:
        WeightsError: a file is damaged, or is not of such an autoencoder; the text names the layer and the value.
        OptionError: an argument contradicts the files.
    """
    files = [read_keras_file(Path(path)) for path in paths]
    if dense_activation is not None:
        activation(dense_activation, whole=True)
        _check_given(files, dense_activation)
    pixels = _pixels(files, pixels)
    if pixels not in OFFSETS:
        raise OptionError("; ".join(unknown_pixels(pixels)))
    for file in files:
        _check_versions(file)
    declared = _declared_shape(files[0])
    size = _size(files[0], declared, size)
    parts, given = _parts(files, declared, size, dense_activation or "linear")
    chain = walked(parts, given)
    _check_blocks(chain, str(paths[0]))
    try:
        found = scales(chain, pixels)
        seen = fold(chain, found)
    except WeightsError as error:
        raise WeightsError(f"{paths[0]}: {error}") from error
    model = _matched(chain, str(paths[0]), size, seen)
    if not any(file.is_told for file in files):
        return Imported(model, None)
    return Imported(model, _compared(model, [layer for _, layers in parts for layer in layers], given, found, seed))


# What the files say


def _declared_shape(file: KerasFile) -> tuple[int | None, ...] | None:
    shapes = (declared_shape(layer) for layer in file.layers if file.has_architecture)
    return next((shape for shape in shapes if shape is not None), None)


def _size(file: KerasFile, declared: tuple[int | None, ...] | None, size: tuple[int, int] | None) -> Any:
    """Height and width, from the file or as given."""
    if declared is None or len(declared) != 3 or None in declared:
        return size
    if size not in (None, declared[:2]):
        raise OptionError(f"size is {size}, but {file.path} says {declared[:2]}; leave it out")
    return declared[:2]


def _check_given(files: list[KerasFile], given: str) -> None:
    if not files[-1].is_told:
        return
    dense = [layer for layer in files[-1].layers if layer.kind == "Dense"]
    found = dense[-1].config.get("activation", "linear") if dense else None
    if found != given:
        raise OptionError(f"dense activation is given as {given!r}, but {files[-1].path} says {found!r}; leave it out")


def _pixels(files: list[KerasFile], given: str) -> str:
    """As given, unless our own export says it."""
    told = {file.pixels for file in files if file.pixels is not None}
    if len(told) > 1:
        raise WeightsError(
            f"{files[0].path} is of {files[0].pixels} pixels, {files[-1].path} of {files[-1].pixels}; give a pair"
        )
    return told.pop() if told else given


def _check_versions(file: KerasFile) -> None:
    """Keras 2's hard sigmoid is another function than Keras 3's."""
    for layer in file.layers:
        if file.old and layer.config.get("activation") == "hard_sigmoid":
            raise WeightsError(
                f"{file.path}: layer {layer.name!r} has activation 'hard_sigmoid' as Keras 2 computed it; "
                "save the model again with Keras 3"
            )


def _parts(
    files: list[KerasFile], declared: tuple[int | None, ...] | None, size: tuple[int, int] | None, dense_activation: str
) -> tuple[list[Part], tuple[int, ...]]:
    """The layers of encoder and decoder with the configurations they have, or are taken to have; the shape going in."""
    if len(files) == 1 and files[0].has_architecture:
        return [(files[0].path, files[0].layers)], _given(files[0], declared, size)
    if len(files) == 1:
        first, second = halves(files[0])
        sides = [(files[0].path, first, False), (files[0].path, second, False)]
    else:
        sides = [(file.path, file.layers, file.has_architecture) for file in files]
    (path, encoder, told), (decoder_path, decoder, decoder_told) = sides
    check_pair(path, encoder, decoder_path, decoder)
    if told:
        given = _given(files[0], declared, size)
    else:
        given = notebooks_input(path, encoder, size)
        encoder = notebooks_encoder(encoder)
    if not decoder_told:
        decoder = notebooks_decoder(decoder, given, dense_activation)
    return [(path, encoder), (decoder_path, decoder)], given


def _given(file: KerasFile, declared: tuple[int | None, ...] | None, size: tuple[int, int] | None) -> tuple[int, ...]:
    """The shape of a picture as the first layer takes it."""
    if declared is not None and None not in declared and len(declared) in (1, 3):
        return tuple(int(side or 0) for side in declared)
    if declared is not None and len(declared) not in (1, 3):
        raise WeightsError(f"{file.path}: layer {file.layers[0].name!r} takes {shown(declared)}; pictures have 3 axes")
    first = next((layer for layer in file.layers if "kernel" in layer.weights), None)
    if first is None:
        raise WeightsError(f"{file.path} has no layers with weights")
    if first.kind == "Dense" and not any(layer.kind == "Flatten" for layer in file.layers):
        return (int(first.weights["kernel"].shape[0]),)
    if size is None:
        raise OptionError(f"{file.path} does not say the size of its pictures; give it (--size)")
    if first.kind == "Dense":
        return (*size, first.weights["kernel"].shape[0] // math.prod(size))
    return (*size, int(first.weights["kernel"].shape[2]))


# What the models here can hold


def _check_blocks(chain: KerasChain, path: str) -> None:
    dense = [block.layer.name for block in chain.blocks if block.kind == "Dense"]
    if len(dense) != 2:
        third = f"; layer {dense[2]!r} is one too many" if len(dense) > 2 else ""
        raise WeightsError(
            f"{path} has {len(dense)} Dense layers{third}; an autoencoder here has two, one to each side"
        )


def _matched(chain: KerasChain, path: str, size: tuple[int, int] | None, pixels: str) -> Autoencoder:
    blocks = chain.blocks
    dense = [i for i, block in enumerate(blocks) if block.kind == "Dense"]
    encoder, decoder = blocks[: dense[0]], blocks[dense[1] + 1 :]
    sides = (
        (encoder, "Conv2D", "encoder"),
        (blocks[dense[0] + 1 : dense[1]], "", "code"),
        (decoder, "Conv2DTranspose", "decoder"),
    )
    for part, kind, name in sides:
        for block in part:
            if block.kind != kind:
                raise WeightsError(
                    f"{path}: layer {block.layer.name!r} of kind {block.kind} has no place in the {name}"
                )
    if len(encoder) != len(decoder):
        raise WeightsError(
            f"{path}: {len(encoder)} convolutions lead to the code and {len(decoder)} back "
            f"({', '.join(block.layer.name for block in (*encoder, *decoder))}); as many are expected"
        )
    forth, back = blocks[dense[0]], blocks[dense[1]]
    _expect_after(path, forth, [])
    if not encoder:
        return _dense_model(chain, path, forth, back, size, pixels)
    return _convolutional(chain, path, [encoder, [forth], [back], decoder], pixels)


def _dense_model(
    chain: KerasChain, path: str, forth: KerasBlock, back: KerasBlock, size: tuple[int, int] | None, pixels: str
) -> Autoencoder:
    shape = chain.given if len(chain.given) == 3 else chain.result if len(chain.result) == 3 else None
    picture = shape or picture_of(chain.given[0], size)
    values = math.prod(picture)
    if (math.prod(chain.given), math.prod(chain.result)) != (values, values) or (
        len(chain.result) == 3 and chain.result != picture
    ):
        raise WeightsError(f"{path}: layer {back.layer.name!r} leads to {chain.result}; the pictures are {chain.given}")
    _expect_after(path, back, ["Reshape"] if back.after else [])
    parameters: dict[str, Any] = {"code_size": int(forth.kernel.shape[1])}
    kind = "pca"
    if (forth.activation, back.activation, pixels) != ("linear", "linear", "centred"):
        kind = "dense"
        parameters |= {
            "code_activation": forth.activation,
            "output_activation": back.activation,
            "pixels": pixels,
        }
    return _restored(kind, parameters, (picture[0], picture[1], picture[2]), [forth], [back])


def _convolutional(chain: KerasChain, path: str, parts: list[list[KerasBlock]], pixels: str) -> Autoencoder:
    encoder, (forth,), (back,), decoder = parts
    height, width, depth = picture = encoder[0].inputs
    if math.prod(picture) != math.prod(chain.given):
        raise WeightsError(f"{path}: layer {encoder[0].layer.name!r} takes {picture}; the pictures are {chain.given}")
    for block in encoder:
        _expect_after(path, block, ["MaxPooling2D", "Flatten"] if block is encoder[-1] else ["MaxPooling2D"])
    channels = [int(block.kernel.shape[3]) for block in encoder]
    stride = 2 ** len(channels)
    grid = -(-height // stride), -(-width // stride), channels[-1]
    _expect_after(path, back, ["Reshape"])
    if decoder[0].inputs != grid:
        raise WeightsError(f"{path}: layer {back.after[0].name!r} gives {decoder[0].inputs}; {grid} is expected")
    for block, expected in zip(decoder, [*reversed(channels[:-1]), depth], strict=True):
        if block.layer.outputs != expected:
            raise WeightsError(
                f"{path}: layer {block.layer.name!r} has {block.layer.outputs} filters; {expected} are expected, the "
                "encoder's in reverse"
            )
    for block in decoder[:-1]:
        _expect_after(path, block, [])
    if math.prod(chain.result) != math.prod(picture) or (len(chain.result) == 3 and chain.result != picture):
        end = (decoder[-1].after or [decoder[-1].layer])[-1]
        raise WeightsError(f"{path}: layer {end.name!r} gives {chain.result}; the pictures are {picture}")
    flat = ["Flatten"] if len(chain.result) == 1 else []
    cropped = ["Cropping2D"] if any(one.kind == "Cropping2D" for one in decoder[-1].after) else []
    _expect_after(path, decoder[-1], [*cropped, *flat])
    hidden = [*encoder, *decoder[:-1]]
    for block in hidden:
        if block.activation != hidden[0].activation:
            raise WeightsError(
                f"{path}: layer {block.layer.name!r} has activation {block.activation!r}; {hidden[0].activation!r} is "
                f"expected, as {hidden[0].layer.name!r} has"
            )
    parameters = {
        "code_size": int(forth.kernel.shape[1]),
        "channels": channels,
        "dense_activation": back.activation,
        "activation": hidden[0].activation,
        "code_activation": forth.activation,
        "output_activation": decoder[-1].activation,
        "pixels": pixels,
    }
    return _restored("conv", parameters, (height, width, depth), [*encoder, forth], [back, *decoder])


def _expect_after(path: str, block: KerasBlock, kinds: list[str]) -> None:
    found = [layer.kind for layer in block.after]
    if found == kinds or (
        set(found) <= {"Cropping2D"} and all(not any(map(any, cropping(one))) for one in block.after)
    ):
        return
    named = ", ".join(f"{layer.name!r} ({layer.kind})" for layer in block.after) or "nothing"
    raise WeightsError(
        f"{path}: after layer {block.layer.name!r} comes {named}; {' and '.join(kinds) or 'nothing'} is expected"
    )


def _restored(
    kind: str,
    parameters: dict[str, Any],
    shape: tuple[int, int, int],
    encoder: list[KerasBlock],
    decoder: list[KerasBlock],
) -> Autoencoder:
    description = {
        "kind": kind,
        "parameters": parameters,
        "image_shape": [int(side) for side in shape],
        "data": unknown_data(shape),
        "history": [],
    }
    return model_class(kind).restore(description, {"encoder": _tensors(encoder), "decoder": _tensors(decoder)})


def _tensors(blocks: list[KerasBlock]) -> store.Tensors:
    """Both kinds of convolution turn by the same transposition: Keras's last two axes are PyTorch's first, reversed."""
    tensors: store.Tensors = {}
    convolutions = [block for block in blocks if block.kind != "Dense"]
    for block in blocks:
        name = "dense" if block.kind == "Dense" else f"conv{convolutions.index(block) + 1}"
        turned = block.kernel.T if block.kind == "Dense" else block.kernel.transpose(3, 2, 0, 1)
        for part, tensor in (("weight", turned), ("bias", block.bias)):
            tensors[f"{name}.{part}"] = np.ascontiguousarray(tensor, np.float32)
    return tensors


# The comparison


def _compared(model: Autoencoder, layers: list[Layer], given: tuple[int, ...], found: Scales, seed: int) -> float:
    """The largest difference of codes and pictures over random pictures."""
    pictures = np.random.default_rng(seed).random((COMPARED, *model.image_shape_), np.float32) - np.float32(0.5)
    second = [i for i, layer in enumerate(layers) if layer.kind == "Dense"][1]
    codes = computed(layers[:second], pictures.reshape(COMPARED, *given) * found.taken.factor + found.taken.offset)
    decoded = computed(layers[second:], codes).reshape(pictures.shape)
    expected = (decoded - found.given.offset) / found.given.factor
    scales = [max(1.0, float(np.abs(values).max())) for values in (codes, expected)]
    differences = model.encode(pictures) - codes, model.decode(codes) - expected
    largest = max(float(np.abs(found).max()) / scale for found, scale in zip(differences, scales, strict=True))
    if not largest <= LARGEST_DIFFERENCE:
        raise WeightsError(
            f"the imported model differs by {largest:.2g} from the layers of the files, beyond {LARGEST_DIFFERENCE:g}; "
            "it was not taken: please report the architecture"
        )
    return largest
