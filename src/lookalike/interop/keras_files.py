"""Layers and weights in the files that Keras 2 and Keras 3 write, read without Keras. Nothing in them is ever executed.

Keras 2 (HDF5): attributes `layer_names` and, a layer, `weight_names` give the order; a whole model stands below
`model_weights`, with its architecture as JSON in `model_config`. Keras 3 (`.weights.h5`, also inside `.keras`, a
zip): groups `layers/CLASS_N/vars/0, 1`, where nested models repeat the scheme, and numbers behind names give the order.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lookalike.errors import WeightsError
from lookalike.interop.hdf5 import Hdf5, member_of, opened, unpacked
from lookalike.interop.keras_layers import Floats, Layer, Node, chain, tree

ACTIVATION, PIXELS = "activation", "pixels"
"""Attributes beside our own weights in the layout of Keras 2, whose reader passes them over: a layer's activation, as
JSON of its configuration; and, of the whole, what the network takes."""
DAMAGE = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, RecursionError, zipfile.BadZipFile)
"""What the libraries raise over a file that is damaged or no such file, and Python over no architecture."""


@dataclass
class KerasFile:
    """What a file holds.

    Attributes:
        path: of the file.
        layers: in the order of computation where the file says what it computes, else in the order of their names.
        has_architecture: whether it does; without, a layer's `config` is empty and its `kind` told by name and shape.
        models: of weights alone, the layers of each nested model.
        old: whether Keras 2 wrote it.
        pixels: of weights alone that were exported here, what the network takes ("centred" or "unit"); each layer's
            activation then stands in its `config`. None where the file says nothing of it.
    """

    path: Path
    layers: list[Layer]
    has_architecture: bool = False
    models: list[list[Layer]] = field(default_factory=list)
    old: bool = False
    pixels: str | None = None

    @property
    def is_told(self) -> bool:
        """Whether it says what its layers compute."""
        return self.has_architecture or self.pixels is not None


def read_keras_file(path: Path) -> KerasFile:
    """Read a Keras file of any of the kinds above.

    Raises:
        WeightsError: it is no such file, is damaged, leads to other files, declares more than it holds, or its
            architecture is no chain of layers that are known here.
    """
    try:
        if zipfile.is_zipfile(path):
            return _read_zip(path)
        with opened(path) as file:
            return _read_hdf5(path, file)
    except DAMAGE as error:
        raise WeightsError(
            f"{path} cannot be read as Keras weights ({' '.join(str(error).split())[:300]}); "
            "give what save_weights, save or ModelCheckpoint wrote"
        ) from error
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def _read_zip(path: Path) -> KerasFile:
    with zipfile.ZipFile(path) as archive:
        root = tree(json.loads(member_of(archive, "config.json")))
        old = False
        if "metadata.json" in archive.namelist():
            old = str(json.loads(member_of(archive, "metadata.json")).get("keras_version", "3")).startswith("2")
        with unpacked(archive, "model.weights.h5") as file:
            _fill_by_class(root, file, file.root)
    return KerasFile(path, chain(root), has_architecture=True, old=old)


def _read_hdf5(path: Path, file: Hdf5) -> KerasFile:
    layers = file.find(file.root, "layers")
    if layers is not None and file.texts(file.root, "layer_names") is None:
        return _weights_by_class(path, file, layers)
    group = file.find(file.root, "model_weights") or file.root
    names = file.texts(group, "layer_names")
    if names is None:
        raise ValueError("there are neither 'layer_names' nor 'layers' in it")
    old = (file.text(group, "keras_version") or "2").startswith("2")
    architecture = file.text(file.root, "model_config")
    if architecture is not None:
        root = tree(json.loads(architecture))
        for child in root.children or ():
            _fill_by_order(child, file, group)
        return KerasFile(path, chain(root), has_architecture=True, old=old)
    pixels = file.text(group, PIXELS)
    if pixels is not None:
        layers = [_exported_layer(file, file.at(group, name)) for name in names]
        return KerasFile(path, layers, old=old, pixels=pixels)
    models = [_weights_by_order(file, file.at(group, name)) for name in names]
    models = [layers for layers in models if layers]
    nested = [layers for layers in models if len(layers) > 1]
    return KerasFile(path, [layer for layers in models for layer in layers], models=nested or models, old=old)


# With an architecture: each weight is looked up with the shape that its layer declares.


def _fill_by_class(node: Node, file: Hdf5, group: Any) -> None:
    """Keras 3: the children's groups are named by their classes and numbered in the order of the architecture."""
    container = file.find(group, "layers")
    if container is None or not len(container):
        container = file.find(group, "_layer_checkpoint_dependencies")  # Keras 2.12 to 2.15
    waiting: dict[str, list[str]] = {}
    for name in sorted(container or (), key=_numbered):
        inner = file.at(container, name)
        if any(len(part) for part in (file.find(inner, key) for key in ("vars", "layers")) if part is not None):
            waiting.setdefault(re.sub(r"_\d+$", "", name), []).append(name)
    for child in node.children or ():
        if not child.has_weights:
            continue
        names = waiting.get(_snake_case(child.kind), [])
        if not names:
            raise WeightsError(f"layer {child.name!r} of kind {child.kind} has no weights in the file")
        inner = file.at(container, names.pop(0))
        if child.children is not None:
            _fill_by_class(child, file, inner)
            continue
        held = file.at(inner, "vars")
        declared = child.layer.declared()
        if len(held) != len(declared):
            raise WeightsError(f"layer {child.name!r} has {len(held)} tensors; {', '.join(declared)} are expected")
        for number, name in enumerate(declared):
            child.layer.weights[name] = _shaped(file, held, str(number), child.layer)
    left = [name for names in waiting.values() for name in names if "seed" not in name]
    if left:
        raise WeightsError(f"{left[0]} holds weights, but the architecture has no layer for them")


def _fill_by_order(node: Node, file: Hdf5, group: Any) -> None:
    """Keras 2: a list of weights below the child's name, of all that is nested in it, those trained first."""
    if not node.has_weights:
        return
    group = file.at(group, node.name)
    names = file.texts(group, "weight_names") or []
    trained, others = _in_old_order(node, frozen=False)
    if len(names) != len(trained) + len(others):
        raise WeightsError(
            f"layer {node.name!r} has {len(names)} tensors; its architecture has {len(trained) + len(others)}"
        )
    for name, (layer, part) in zip(names, [*trained, *others], strict=True):
        if _last_part(name) != part:
            raise WeightsError(f"layer {layer.name!r}: {name} stands where its {part} is expected")
        layer.weights[part] = _shaped(file, group, name, layer)


def _in_old_order(node: Node, frozen: bool) -> tuple[list[tuple[Layer, str]], list[tuple[Layer, str]]]:
    """Weights of a layer, or of all in a model, that training changes, and those it does not."""
    frozen = frozen or node.config.get("trainable") is False
    trained: list[tuple[Layer, str]] = []
    others: list[tuple[Layer, str]] = []
    if node.children is None:
        for part in node.layer.declared():
            (others if frozen or part.startswith("moving_") else trained).append((node.layer, part))
    for child in node.children or ():
        more, rest = _in_old_order(child, frozen)
        trained += more
        others += rest
    return trained, others


def _shaped(file: Hdf5, group: Any, name: str, layer: Layer) -> Floats:
    """A layer's weight, its rank and what its configuration says of it checked before it is read."""
    part = list(layer.declared())[len(layer.weights)]
    held = file.shaped(group, name).shape
    declared = layer.declared()[part]
    if len(held) != len(declared) or any(side not in (None, given) for side, given in zip(declared, held, strict=True)):
        shown = " x ".join("any" if side is None else str(side) for side in declared)
        raise WeightsError(f"layer {layer.name!r}: its {part} is of shape {held}; its configuration says {shown}")
    return file.array(group, name, held)


# Without: order and names are all there is, but for what our own export adds.


def _exported_layer(file: Hdf5, group: Any) -> Layer:
    """A layer as `keras_export` wrote it."""
    told = file.text(group, ACTIVATION)
    layers = _weights_by_order(file, group)
    if told is None or len(layers) != 1:
        raise WeightsError(f"layer {group.name!r} does not say its activation, as the others do; export it again")
    layers[0].config["activation"] = json.loads(told)
    return layers[0]


def _weights_by_order(file: Hdf5, group: Any) -> list[Layer]:
    """The layers of a group of Keras 2: one, or those of a nested model; a kernel begins a layer."""
    tensors = [(name, _last_part(name)) for name in file.texts(group, "weight_names") or []]
    layers: list[Layer] = []
    for name, part in tensors:
        shape = file.shaped(group, name).shape
        if part == "kernel" or (part not in ("bias",) and len(shape) > 1):
            layers.append(_layer(name.rpartition("/")[0] or name, file.array(group, name)))
        elif len(shape) == 1 and part in ("bias", name) and layers and "bias" not in layers[-1].weights:
            _take_bias(layers[-1], file.array(group, name))
        else:
            raise WeightsError(_unstated(name.rpartition("/")[0] or name, part))
    return layers


def _weights_by_class(path: Path, file: Hdf5, container: Any) -> KerasFile:
    found: list[Layer] = []
    models: list[list[Layer]] = []
    for name in sorted(container, key=_numbered):
        group = file.at(container, name)
        inner, held = file.find(group, "layers"), file.find(group, "vars")
        if inner is not None:
            nested = _weights_by_class(path, file, inner)
            found += nested.layers
            models.append(nested.layers)
        elif held is not None and len(held):
            if len(held) > 2:
                raise WeightsError(_unstated(name, f"{len(held)} tensors"))
            layer = _layer(name, file.array(held, "0"))
            if len(held) == 2:
                _take_bias(layer, file.array(held, "1"))
            found.append(layer)
    return KerasFile(path, found, models=[layers for layers in models if layers])


def _layer(name: str, kernel: Floats) -> Layer:
    if kernel.ndim not in (2, 4):
        raise WeightsError(f"layer {name!r} has a tensor of shape {kernel.shape}, not that of Conv2D or Dense")
    kind = "Dense" if kernel.ndim == 2 else "Conv2DTranspose" if "transpose" in name.lower() else "Conv2D"
    return Layer(name, kind, {}, {"kernel": kernel})


def _take_bias(layer: Layer, bias: Floats) -> None:
    """The bias of a layer; its length tells what a name may not, that the convolution is transposed."""
    kernel = layer.weights["kernel"]
    if kernel.ndim == 4 and bias.shape == kernel.shape[2:3] and bias.shape != kernel.shape[3:]:
        layer.kind = "Conv2DTranspose"
    if bias.shape != (layer.outputs,):
        raise WeightsError(f"layer {layer.name!r} has a bias of shape {bias.shape}; {(layer.outputs,)} is expected")
    layer.weights["bias"] = bias


def _unstated(name: str, what: str) -> str:
    return (
        f"layer {name!r} has {what}, and weights alone do not say what it computes; give a file of the whole model "
        "(.keras, or .h5 by model.save)"
    )


def _numbered(name: str) -> list[Any]:
    """conv2d < conv2d_1 < conv2d_2 < conv2d_10."""
    base, _, number = name.rpartition("_")
    return [base, int(number)] if re.fullmatch(r"\d+", number) and base else [name, -1]


def _snake_case(kind: str) -> str:
    """A class as Keras names its groups: Conv2DTranspose is conv2d_transpose."""
    parts: Iterator[str] = iter(re.findall(r"[A-Z][a-z0-9]*(?:D(?![a-z]))?", kind))
    return "_".join(part.lower() for part in parts)


def _last_part(name: str) -> str:
    """kernel, of conv2d/kernel:0."""
    return name.rpartition("/")[2].partition(":")[0]
