"""Activations as settings of a model: Keras's own functions, and models of before that stay what they were."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras

import lookalike as la
from lookalike.errors import OptionError
from lookalike.models.activations import ACTIVATIONS, OVER_A_CODE, RISING, activation

POINTS = torch.linspace(-9, 9, 361).reshape(19, 19)


@pytest.mark.parametrize("name", [*ACTIVATIONS, *OVER_A_CODE])
def test_they_are_kerass(name: str) -> None:
    ours = activation(name, whole=True)(POINTS)
    np.testing.assert_allclose(ours, keras.activations.get(name)(POINTS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(RISING - {"leaky_relu"}))
def test_what_is_said_to_rise_does(name: str) -> None:
    assert (activation(name)(POINTS.flatten()).diff() >= -1e-6).all()


def test_those_with_a_number() -> None:
    np.testing.assert_allclose(activation("leaky_relu:0.3")(POINTS), keras.layers.LeakyReLU(0.3)(POINTS), rtol=1e-6)
    np.testing.assert_allclose(activation("elu:0.5")(POINTS), keras.layers.ELU(0.5)(POINTS), rtol=1e-5)


@pytest.mark.parametrize("name", ["swoosh", "leaky_relu", "relu:2", "elu:x", "elu:-1", "leaky_relu:nan", "softmax"])
def test_others_are_named(name: str) -> None:
    with pytest.raises(OptionError, match=f"activation '{name}' is unknown here; give one of linear, elu"):
        la.ConvAutoencoder(activation=name).initialise((16, 16, 3))


def test_models_without_them_are_what_they_were(tmp_path: Path) -> None:
    """Nothing of the new settings is in their files or digests, on which galleries depend."""
    model = la.ConvAutoencoder(3, channels=(2, 3)).initialise((8, 8, 3))
    model.save(tmp_path)
    told = json.loads((tmp_path / "model.json").read_text())["parameters"]
    assert set(told) == {"code_size", "channels", "dense_activation", "seed", "device"}
    other = la.ConvAutoencoder(3, channels=(2, 3), activation="relu").initialise((8, 8, 3))
    assert other.digest != model.digest
    other.save(tmp_path / "other")
    assert la.load_model(tmp_path / "other").digest == other.digest
