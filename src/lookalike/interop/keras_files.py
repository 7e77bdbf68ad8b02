"""Weights in the files that Keras 2 and Keras 3 write, read without Keras. Nothing in them is ever executed.

Keras 2 (HDF5): attributes `layer_names` and, a layer, `weight_names` give the order; a whole model stands below
`model_weights`, with its architecture as JSON in `model_config`. Keras 3 (`.weights.h5`, also inside `.keras`, a
zip): groups `layers/NAME/vars/0, 1`, where nested models repeat the scheme, and numbers behind names give the order.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from lookalike.errors import WeightsError

LARGEST = 2**31
"""Bytes of a member of a .keras file: more is taken for a bomb."""
KNOWN_LAYERS = frozenset(
    (
        *("InputLayer", "Conv2D", "MaxPooling2D", "Flatten", "Dense", "Reshape", "Conv2DTranspose", "Cropping2D"),
        *("Functional", "Model", "Sequential"),
    )
)


class Layer(NamedTuple):
    """A layer with weights: kernel as Keras has it, bias, and whether its name says that it is transposed."""

    name: str
    kernel: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    transposed: bool


@dataclass
class KerasFile:
    """What a file holds: its layers in order, those of each nested model, and the layers of its architecture if any."""

    path: Path
    layers: list[Layer]
    models: list[list[Layer]] = field(default_factory=list)
    architecture: list[dict[str, Any]] | None = None


def read_keras_file(path: Path) -> KerasFile:
    """Read a Keras file of any of the kinds above.

    Raises:
        WeightsError: it is no such file, is damaged, or holds a kind of layer that no autoencoder here has.
    """
    try:
        if zipfile.is_zipfile(path):
            return _read_zip(path)
        with h5py.File(path, "r") as file:
            return _read_hdf5(path, file)
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} cannot be read as Keras weights ({' '.join(str(error).split())}); "
            "give what save_weights, save or ModelCheckpoint wrote"
        ) from error


def _read_zip(path: Path) -> KerasFile:
    with zipfile.ZipFile(path) as archive:
        for name in ("config.json", "model.weights.h5"):
            if archive.getinfo(name).file_size > LARGEST:
                raise ValueError(f"{name} is larger than {LARGEST:,} bytes")
        config = json.loads(archive.read("config.json"))
        with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
            found = _read_hdf5(path, file)
    found.architecture = _flatten(config, path)
    return found


def _read_hdf5(path: Path, file: Any) -> KerasFile:
    if "layers" in file:
        return _read_keras3(path, file["layers"])
    group = file.get("model_weights", file)
    if "layer_names" not in group.attrs:
        raise ValueError("there are neither 'layer_names' nor 'layers' in it")
    models = [_read_keras2(group[_text(name)]) for name in group.attrs["layer_names"]]
    models = [layers for layers in models if layers]
    architecture = None
    if "model_config" in file.attrs:
        architecture = _flatten(json.loads(_text(file.attrs["model_config"])), path)
    nested = [layers for layers in models if len(layers) > 1]
    return KerasFile(path, [layer for layers in models for layer in layers], nested or models, architecture)


def _read_keras2(group: Any) -> list[Layer]:
    """The layers of a group: one, or those of a nested model; kernels and biases follow one another."""
    names = [_text(name) for name in group.attrs["weight_names"]]
    if len(names) % 2:
        raise ValueError(f"{group.name} has {len(names)} tensors, not pairs of kernel and bias")
    return [_layer(kernel, group[kernel], group[bias]) for kernel, bias in zip(names[::2], names[1::2], strict=True)]


def _read_keras3(path: Path, layers: Any) -> KerasFile:
    found: list[Layer] = []
    models: list[list[Layer]] = []
    for name in sorted(layers, key=_numbered):
        group = layers[name]
        if "layers" in group:
            inner = _read_keras3(path, group["layers"])
            found += inner.layers
            models.append(inner.layers)
        elif "vars" in group and len(group["vars"]):
            if len(group["vars"]) != 2:
                raise ValueError(f"{group.name} has {len(group['vars'])} tensors, not kernel and bias")
            found.append(_layer(name, group["vars"]["0"], group["vars"]["1"]))
    return KerasFile(path, found, [layers for layers in models if layers])


def _layer(name: str, kernel: Any, bias: Any) -> Layer:
    if kernel.ndim not in (2, 4) or bias.ndim != 1:
        raise ValueError(f"{name} has tensors of shape {kernel.shape} and {bias.shape}, not those of Conv2D or Dense")
    return Layer(name, np.array(kernel, np.float32), np.array(bias, np.float32), "transpose" in name.lower())


def _flatten(config: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """The layers of an architecture in order, those of nested models in their place."""
    return list(_walk(config, path))


def _walk(config: dict[str, Any], path: Path) -> Iterator[dict[str, Any]]:
    kind = config["class_name"]
    if kind not in KNOWN_LAYERS:
        name = config.get("config", {}).get("name", "?") if isinstance(config.get("config"), dict) else "?"
        raise WeightsError(
            f"{path}: layer {name!r} is of kind {kind}; an autoencoder here has {', '.join(sorted(KNOWN_LAYERS))}"
        )
    inner = config["config"]
    children = inner if isinstance(inner, list) else inner.get("layers")
    if children is None:
        yield config
        return
    for child in children:
        yield from _walk(child, path)


def _numbered(name: str) -> list[Any]:
    """conv2d < conv2d_1 < conv2d_2 < conv2d_10."""
    base, _, number = name.rpartition("_")
    return [base, int(number)] if re.fullmatch(r"\d+", number) and base else [name, -1]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
