"""Our weights for Keras: whole models for Keras 3, weights in the layout of Keras 2."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lookalike import files
from lookalike.errors import MissingExtraError, OptionError
from lookalike.interop.keras_files import ACTIVATION, PIXELS
from lookalike.models.base import Autoencoder

KINDS = ("conv", "dense", "pca")
"""Models that Keras's own layers can follow."""
COMPARED = 8
"""Random pictures on which both programs are compared."""


FILES = ("encoder.keras", "decoder.keras", "encoder.h5", "decoder.h5")
"""What an export puts into its folder."""


def export_keras(model: Autoencoder, folder: str | Path, *, seed: int = 0) -> dict[str, Any]:
    """Write whole models for Keras 3 and weights for Keras 2.

    These are `encoder.keras` and `decoder.keras`, `encoder.h5` and `decoder.h5`. Returns `files`, the paths written,
    and `max_abs_difference`, the largest between the outputs of Keras and of `model` on random pictures.

    Raises:
        MissingExtraError: Keras is not installed.
        OptionError: the model is of a kind that Keras has no layers for, or its pictures are smaller than the poolings.
    """
    model.require_decoder()
    if model.kind not in KINDS:
        raise OptionError(
            f"{model.kind} has parts that Keras has no layers for; export it with --format onnx (of models, "
            f"{' and '.join(KINDS)} go to Keras)"
        )
    if find_spec("keras") is None:
        raise MissingExtraError("keras", "export --format keras")
    os.environ.setdefault("KERAS_BACKEND", "torch")  # heeded only if Keras is not loaded yet
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    out = Path(folder)
    encoder, decoder = _build(model)
    written, pixels = [], str(model.get_params().get("pixels", "centred"))
    for name, network in (("encoder", encoder), ("decoder", decoder)):
        files.write_bytes(out / f"{name}.keras", _saved(network))
        files.write_bytes(out / f"{name}.h5", _keras2_weights(network, pixels))
        written += [str(out / f"{name}.keras"), str(out / f"{name}.h5")]
    return {"files": written, "max_abs_difference": _difference(model, encoder, decoder, seed)}


def _build(model: Autoencoder) -> tuple[Any, Any]:
    import keras
    from keras import layers

    height, width, depth = model.image_shape_
    weights = model.weights()
    given = model.get_params()
    code, output = (_activation(given.get(f"{end}_activation", "linear")) for end in ("code", "output"))
    seen = [layers.Rescaling(1.0, offset=0.5)] if given.get("pixels") == "unit" else []
    shown = [layers.Rescaling(1.0, offset=-0.5)] if seen else []
    if model.kind != "conv":
        values = height * width * depth
        encoder = keras.Sequential(
            [keras.Input(model.image_shape_), *seen, layers.Flatten(), layers.Dense(model.code_size, activation=code)],
            name="encoder",
        )
        decoder = keras.Sequential(
            [
                keras.Input((model.code_size,)),
                layers.Dense(values, activation=output),
                layers.Reshape(model.image_shape_),
                *shown,
            ],
            name="decoder",
        )
    else:
        channels = list(given["channels"])
        stride = 2 ** len(channels)
        if min(height, width) < stride:
            raise OptionError(
                f"pictures of {height} x {width} are padded before the poolings, which Keras has no layer for; "
                "export it with --format onnx"
            )
        forth: list[Any] = [keras.Input(model.image_shape_), *seen]
        for width_of in channels:
            forth += [layers.Conv2D(width_of, 3, padding="same", activation=_activation(given["activation"]))]
            forth.append(layers.MaxPooling2D())
        forth += [layers.Flatten(), layers.Dense(model.code_size, activation=code)]
        encoder = keras.Sequential(forth, name="encoder")
        grid = (-(-height // stride), -(-width // stride))
        back: list[Any] = [
            keras.Input((model.code_size,)),
            layers.Dense(grid[0] * grid[1] * channels[-1], activation=_activation(given["dense_activation"])),
            layers.Reshape((*grid, channels[-1])),
        ]
        for width_of in [*reversed(channels[:-1]), depth]:
            last = len(back) == 2 + len(channels)
            activation = output if last else _activation(given["activation"])
            back.append(layers.Conv2DTranspose(width_of, 3, strides=2, padding="same", activation=activation))
        excess = ((0, grid[0] * stride - height), (0, grid[1] * stride - width))
        if excess != ((0, 0), (0, 0)):
            back.append(layers.Cropping2D(excess))
        decoder = keras.Sequential([*back, *shown], name="decoder")
    for network, tensors in zip((encoder, decoder), weights.values(), strict=True):
        _fill(network, tensors)
    return encoder, decoder


def _activation(name: str) -> Any:
    """One of `models.activations` as Keras takes it."""
    from keras import layers

    kind, _, number = name.partition(":")
    if not number:
        return kind
    return layers.LeakyReLU(float(number)) if kind == "leaky_relu" else layers.ELU(float(number))


def _fill(network: Any, tensors: dict[str, Any]) -> None:
    """Set Keras's weights layer by layer; kernels turn back as the import turned them."""
    convolutions = 0
    for layer in network.layers:
        kind = type(layer).__name__
        if kind == "Dense":
            layer.set_weights([tensors["dense.weight"].T, tensors["dense.bias"]])
        elif kind.startswith("Conv2D"):
            convolutions += 1
            kernel = tensors[f"conv{convolutions}.weight"].transpose(2, 3, 1, 0)
            layer.set_weights([kernel, tensors[f"conv{convolutions}.bias"]])


def _saved(network: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        network.save(path)
        return path.read_bytes()


def _keras2_weights(network: Any, pixels: str) -> bytes:
    """What Keras 2's `save_weights` writes, so that its `load_weights` reads it; and beside it what weights do not say.

    `import` reads that, so that the same model comes back.
    """
    stream = io.BytesIO()
    layers = [layer for layer in network.layers if layer.get_weights()]
    with h5py.File(stream, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in layers]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs[PIXELS] = pixels
        for layer in layers:
            group = file.create_group(layer.name)
            group.attrs[ACTIVATION] = json.dumps(layer.get_config()["activation"])
            names = [f"{layer.name}/kernel:0", f"{layer.name}/bias:0"]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, tensor in zip(names, layer.get_weights(), strict=True):
                group.create_dataset(name, data=tensor)
    return stream.getvalue()


def _difference(model: Autoencoder, encoder: Any, decoder: Any, seed: int) -> float:
    generator = np.random.default_rng(seed)
    pictures = generator.random((COMPARED, *model.image_shape_), np.float32) - np.float32(0.5)
    codes = model.encode(pictures)
    compute: Callable[[Any, Any], Any] = lambda network, x: np.asarray(network.predict_on_batch(x))  # noqa: E731
    differences = (codes - compute(encoder, pictures), model.decode(codes) - compute(decoder, codes))
    return max(float(np.abs(difference).max()) for difference in differences)
