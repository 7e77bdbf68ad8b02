"""An architecture of Keras as a chain of layers, each with its configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import WeightsError

Floats = npt.NDArray[np.float32]

MODELS = ("Functional", "Model", "Sequential")
NOTHING = frozenset(
    (
        *("InputLayer", "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise"),
        *("ActivityRegularization", "Identity", "RandomBrightness", "RandomContrast", "RandomFlip", "RandomRotation"),
        *("RandomTranslation", "RandomZoom"),
    )
)
"""Layers that do nothing once the training is over."""
WEIGHTED = ("Conv2D", "Conv2DTranspose", "Dense", "BatchNormalization")
ACTIVATING = ("Activation", "ELU", "LeakyReLU", "ReLU", "Softmax")
SHAPING = ("Cropping2D", "Flatten", "MaxPooling2D", "Reshape")
SCALING = ("Rescaling",)
KNOWN_LAYERS = frozenset((*MODELS, *NOTHING, *WEIGHTED, *ACTIVATING, *SHAPING, *SCALING))


@dataclass
class Layer:
    """A layer: Keras's configuration, and its weights by Keras's names, kernels as Keras has them."""

    name: str
    kind: str
    config: dict[str, Any]
    weights: dict[str, Floats] = field(default_factory=dict)

    def declared(self) -> dict[str, tuple[int | None, ...]]:
        """The weights that the configuration asks for, in Keras's order, with their shapes as far as it knows them."""
        if self.kind == "BatchNormalization":
            asked = [("gamma", self.config.get("scale", True)), ("beta", self.config.get("center", True))]
            return {
                name: (None,) for name, there in (*asked, ("moving_mean", True), ("moving_variance", True)) if there
            }
        if self.kind == "Dense":
            outputs = int(self.config["units"])
            kernel: tuple[int | None, ...] = (None, outputs)
        elif self.kind in ("Conv2D", "Conv2DTranspose"):
            outputs = int(self.config["filters"])
            ends = (outputs, None) if self.kind == "Conv2DTranspose" else (None, outputs)
            kernel = (*pair(self.config["kernel_size"]), *ends)
        else:
            return {}
        return {"kernel": kernel} | ({"bias": (outputs,)} if self.config.get("use_bias", True) else {})

    @property
    def outputs(self) -> int:
        """Channels or numbers that come out of a layer with a kernel."""
        return int(self.weights["kernel"].shape[2 if self.kind == "Conv2DTranspose" else -1])

    @property
    def bias(self) -> Floats:
        """The bias, zeros where the layer has none."""
        return self.weights.get("bias", np.zeros(self.outputs, np.float32))


@dataclass
class Node:
    """A layer or a model of an architecture, as far as its place in it goes."""

    name: str
    kind: str
    config: dict[str, Any]
    layer: Layer
    children: list[Node] | None = None
    inputs: list[str] = field(default_factory=list)

    @property
    def has_weights(self) -> bool:
        """Whether it or something in it has."""
        return bool(self.layer.declared()) or any(child.has_weights for child in self.children or ())


def tree(described: dict[str, Any]) -> Node:
    """An architecture, nested as it is in the file.

    Raises:
        WeightsError: a layer is of an unknown kind, or computes in another precision; the text names it.
    """
    kind = str(described["class_name"])
    inner = described["config"]
    config: dict[str, Any] = inner if isinstance(inner, dict) else {}
    name = str(config.get("name") or described.get("name") or kind.lower())
    if kind not in KNOWN_LAYERS or described.get("registered_name") not in (None, kind):
        shown = described.get("registered_name") or kind
        raise WeightsError(
            f"layer {name!r} is of kind {shown}; an autoencoder here has {', '.join(sorted(KNOWN_LAYERS))}"
        )
    policy = config.get("dtype") or "float32"
    policy = policy["config"]["name"] if isinstance(policy, dict) else policy
    if policy != "float32":
        raise WeightsError(f"layer {name!r} has dtype {policy!r}; float32 is expected")
    node = Node(name, kind, config, Layer(name, kind, config), inputs=_histories(described.get("inbound_nodes")))
    if kind in MODELS:
        given = config["layers"] if config else inner  # Keras 2.1 and older: a list of layers, no dictionary
        node.children = [tree(child) for child in given]
    return node


def chain(node: Node) -> list[Layer]:
    """The layers in the order of computation, those of nested models in their place.

    Raises:
        WeightsError: they are no chain; the text names where it branches.
    """
    if node.children is None:
        return [node.layer]
    order = node.children if node.kind == "Sequential" else _functional(node)
    return [layer for child in order for layer in chain(child)]


def _functional(model: Node) -> list[Node]:
    """From the output back to the input."""
    assert model.children is not None
    by_name = {child.name: child for child in model.children}
    outputs = _names(model.config["output_layers"])
    if len(outputs) != 1:
        raise WeightsError(f"layer {model.name!r} has {len(outputs)} outputs; an autoencoder here has one")
    order: list[Node] = []
    name: str | None = outputs[0]
    while name is not None:
        layer = by_name[name]
        if len(layer.inputs) > 1:
            raise WeightsError(
                f"layer {name!r} takes {', '.join(layer.inputs)}; an autoencoder here is a chain, each layer used once"
            )
        order.append(layer)
        if len(order) > len(by_name):
            raise WeightsError(f"layer {name!r} follows on itself; an autoencoder here is a chain")
        name = layer.inputs[0] if layer.inputs else None
    return order[::-1]


def _histories(nodes: Any) -> list[str]:
    """Names of the layers that a layer takes from, over all of its uses.

    Keras 2 writes [[["NAME", 0, 0, {}]]], Keras 3 [{"args": [{"config": {"keras_history": ["NAME", 0, 0]}}]}].
    """
    if isinstance(nodes, dict):
        if "keras_history" in nodes:
            return [str(nodes["keras_history"][0])]
        return [found for value in nodes.values() for found in _histories(value)]
    if not isinstance(nodes, list):
        return []
    if len(nodes) >= 3 and isinstance(nodes[0], str) and isinstance(nodes[1], int):
        return [nodes[0]]
    return [found for value in nodes for found in _histories(value)]


def _names(layers: Any) -> list[str]:
    """["NAME", 0, 0], or a list of such."""
    return [str(layers[0])] if isinstance(layers[0], str) else [str(layer[0]) for layer in layers]


def pair(value: Any) -> tuple[int, int]:
    """2 or [2, 2] as (2, 2)."""
    first, second = value if isinstance(value, list | tuple) else (value, value)
    return int(first), int(second)
