"""A saved model from a stranger: what it claims is held against what it has before room is made for it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lookalike as la
from lookalike.errors import WeightsError
from measured import assert_refused_cheaply

LOAD = "import torch, lookalike.models.loading as loading, lookalike.training.run", "loading.load_model(path)"
MODELS: dict[str, Callable[[], Any]] = {
    "pca": lambda: la.PCAAutoencoder(4),
    "dense": lambda: la.DenseAutoencoder(4),
    "conv": lambda: la.ConvAutoencoder(4),
    "residual": lambda: la.ResidualAutoencoder(4),
}


def described(folder: Path, model: Any, parameters: dict[str, Any], **facts: Any) -> Path:
    model.initialise((16, 16, 3)).save(folder)
    path = folder / "model.json"
    content = json.loads(path.read_bytes())
    content["parameters"] |= parameters
    path.write_text(json.dumps(content | facts))
    return folder


@pytest.mark.parametrize("kind", MODELS)
def test_a_code_and_pictures_too_large_for_the_weights(kind: str, tmp_path: Path) -> None:
    made = MODELS[kind]()
    folder = described(tmp_path, made, {"code_size": 65_536}, image_shape=[1024, 1024, 3])
    assert "the model needs (65536," in assert_refused_cheaply(folder, *LOAD, named="encoder.")


def test_channels_too_many_for_the_weights(tmp_path: Path) -> None:
    folder = described(tmp_path, la.ConvAutoencoder(4), {"channels": [40_000, 40_000]})
    assert "the model needs (40000, 3, 3, 3)" in assert_refused_cheaply(folder, *LOAD, named="encoder.")


def test_parameters_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="other parameters than unet's"):
        la.load_model(described(tmp_path, la.UNetDenoiser(width=4), {"depth": 3}))


def huge_description(folder: Path) -> None:
    with (folder / "model.json").open("r+b") as file:
        file.truncate(2**34)


def huge_header(folder: Path) -> None:
    content = b'{"a":[' + b"[]," * 2**20 + b"[]]}"
    (folder / "encoder.safetensors").write_bytes(struct.pack("<Q", len(content)) + content)


def deep(folder: Path) -> None:
    (folder / "model.json").write_text("[" * 10**6)


@pytest.mark.parametrize("spoil", [huge_description, huge_header, deep])
def test_files_beyond_their_kind(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    la.PCAAutoencoder(4).initialise((8, 8, 3)).save(tmp_path)
    spoil(tmp_path)
    assert_refused_cheaply(tmp_path, *LOAD)
