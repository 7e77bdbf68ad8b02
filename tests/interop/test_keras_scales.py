"""Rescaling layers at the ends of Keras's networks, and pictures that come in as flat vectors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rounding import rounding

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
from keras import layers

import lookalike as la
from lookalike.errors import WeightsError
from lookalike.interop.keras_export import export_keras
from lookalike.interop.keras_import import import_keras

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning", "ignore:You are saving your model as an HDF5 file"
)

SHAPE = (8, 8, 3)
Models = tuple[keras.Model, keras.Model]


@pytest.mark.parametrize(
    "model",
    [
        la.DenseAutoencoder(4, output_activation="sigmoid", pixels="unit"),
        la.ConvAutoencoder(4, channels=(4, 6), activation="relu", output_activation="sigmoid", pixels="unit"),
        la.ConvAutoencoder(4, channels=(4,), pixels="unit"),
    ],
    ids=["dense", "conv", "conv cropped"],
)
def test_out_and_in_again_is_the_same_model(model: Any, tmp_path: Path) -> None:
    model.initialise((8, 8, 3) if "channels" not in model.get_params() or len(model.channels) > 1 else (7, 5, 1))
    export_keras(model, tmp_path)
    imported = import_keras([tmp_path / "encoder.keras", tmp_path / "decoder.keras"])
    assert (imported.model.kind, imported.model.pixels) == (model.kind, "unit")
    pictures = np.random.default_rng(0).random((3, *model.image_shape_), np.float32) - np.float32(0.5)
    np.testing.assert_array_equal(imported.model.encode(pictures), model.encode(pictures))
    codes = model.encode(pictures)
    np.testing.assert_array_equal(imported.model.decode(codes), model.decode(codes))


def dense(first: list[Any], last: list[Any], output: Any = None) -> Models:
    encoder = keras.Sequential([keras.Input(SHAPE), *first, layers.Flatten(), layers.Dense(5, activation="relu")])
    decoder = keras.Sequential(
        [keras.Input((5,)), layers.Dense(192, activation=output), layers.Reshape(SHAPE), *last],
    )
    return encoder, decoder


def conv(first: list[Any], last: list[Any], output: Any = None, given: tuple[int, ...] = SHAPE) -> Models:
    encoder = keras.Sequential(
        [
            *(keras.Input(given), *first, layers.Conv2D(4, 3, padding="same", activation="relu")),
            *(layers.MaxPooling2D(), layers.Flatten(), layers.Dense(5)),
        ]
    )
    decoder = keras.Sequential(
        [
            *(keras.Input((5,)), layers.Dense(64), layers.Reshape((4, 4, 4))),
            *(layers.Conv2DTranspose(3, 3, strides=2, padding="same", activation=output), *last),
        ]
    )
    return encoder, decoder


def saved(pair: Models, folder: Path) -> list[Path]:
    generator = np.random.default_rng(3)
    paths = []
    for name, network in zip(("encoder", "decoder"), pair, strict=True):
        for weight in network.weights:
            weight.assign(generator.normal(0, 0.3, weight.shape).astype(np.float32))
        paths.append(folder / f"{name}.keras")
        network.save(paths[-1])
    return paths


# The pictures that Keras takes and gives, of centred ones: a factor and an offset each.
CENTRED, UNIT, BYTES, SIGNED = (1.0, 0.0), (1.0, 0.5), (255.0, 127.5), (2.0, 0.0)
TAKEN: dict[str, tuple[Callable[[], Models], tuple[float, float], tuple[float, float]]] = {
    "bytes to unit": (lambda: conv([layers.Rescaling(1 / 255)], [], "sigmoid"), BYTES, UNIT),
    "bytes to bytes": (lambda: conv([layers.Rescaling(1 / 255)], [layers.Rescaling(255.0)]), BYTES, BYTES),
    "bytes, signed within": (lambda: conv([layers.Rescaling(1 / 127.5, -1.0)], []), BYTES, SIGNED),
    "bytes, centred within": (lambda: conv([layers.Rescaling(1 / 255, -0.5)], [], "tanh"), BYTES, CENTRED),
    "bytes, dense": (lambda: dense([layers.Rescaling(1 / 255)], [], "sigmoid"), BYTES, UNIT),
    "any number, dense": (lambda: dense([layers.Rescaling(1.5, 0.3)], []), CENTRED, (1.5, 0.3)),
    "twice": (lambda: conv([layers.Rescaling(1 / 255), layers.Rescaling(2.0, -1.0)], []), BYTES, SIGNED),
    "at the end alone": (lambda: conv([], [layers.Rescaling(0.5, -0.25)]), CENTRED, CENTRED),
}


@pytest.mark.parametrize("name", TAKEN)
def test_pictures_of_other_scales(name: str, tmp_path: Path) -> None:
    make, (factor, offset), (given_factor, given_offset) = TAKEN[name]
    pair = make()
    model = import_keras(saved(pair, tmp_path)).model
    pictures = np.random.default_rng(1).random((5, *SHAPE), np.float32) - np.float32(0.5)
    codes = keras.ops.convert_to_numpy(pair[0](pictures * np.float32(factor) + np.float32(offset)))
    np.testing.assert_allclose(model.encode(pictures), codes, rtol=0, atol=rounding(model, codes))
    decoded = (keras.ops.convert_to_numpy(pair[1](codes)) - given_offset) / given_factor
    np.testing.assert_allclose(model.decode(codes), decoded, rtol=0, atol=rounding(model, codes, decoded))


REFUSED: dict[str, tuple[Callable[[], Models], str]] = {
    "within": (
        lambda: conv([], [layers.Rescaling(2.0), layers.Activation("tanh", name="bend")]),
        "layer 'bend' follows",
    ),
    "a code": (lambda: scaled_code(), "follows on 'up'"),
    "several": (lambda: dense([layers.Rescaling([1.0, 2.0, 3.0], name="each")], []), "layer 'each' has scale"),
    "upside down": (lambda: dense([layers.Rescaling(-1.0, name="negative")], []), "layer 'negative' has scale -1"),
    "beside zeros": (
        lambda: conv([layers.Rescaling(1.0, 0.2, name="odd")], []),
        "layer 'odd' gives pictures around 0.2",
    ),
    "bent": (lambda: conv([layers.Rescaling(1 / 127.5, -1.0, name="signed")], [], "tanh"), "layer 'signed' changes"),
}


def scaled_code() -> Models:
    encoder, decoder = dense([], [])
    return encoder, keras.Sequential([keras.Input((5,)), layers.Rescaling(2.0, name="up"), *decoder.layers])


@pytest.mark.parametrize("name", REFUSED)
def test_scales_that_no_model_here_holds(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(WeightsError, match=message) as refusal:
        import_keras(saved(make(), tmp_path))
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize("end", ["flat", "a picture"])
def test_flat_vectors_may_become_pictures_within(end: str, tmp_path: Path) -> None:
    pair = conv([layers.Reshape(SHAPE)], [layers.Flatten()] if end == "flat" else [], given=(192,))
    model = import_keras(saved(pair, tmp_path)).model
    assert model.image_shape_ == SHAPE
    pictures = np.random.default_rng(1).random((5, *SHAPE), np.float32) - np.float32(0.5)
    codes = keras.ops.convert_to_numpy(pair[0](pictures.reshape(5, -1)))
    np.testing.assert_allclose(model.encode(pictures), codes, rtol=0, atol=rounding(model, codes))
    decoded = keras.ops.convert_to_numpy(pair[1](codes)).reshape(pictures.shape)
    np.testing.assert_allclose(model.decode(codes), decoded, rtol=0, atol=rounding(model, codes, decoded))


def test_what_changes_pictures_in_training_alone_is_nothing(tmp_path: Path) -> None:
    pair = conv([layers.RandomFlip(), layers.RandomRotation(0.1), layers.Identity()], [layers.Identity()])
    imported = import_keras(saved(pair, tmp_path))
    pictures = np.random.default_rng(1).random((5, *SHAPE), np.float32) - np.float32(0.5)
    codes = keras.ops.convert_to_numpy(pair[0](pictures, training=False))
    np.testing.assert_allclose(imported.model.encode(pictures), codes, rtol=0, atol=rounding(imported.model, codes))
