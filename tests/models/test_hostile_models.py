"""A saved model from a stranger: what it claims is held against what it has before room is made for it."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lookalike as la
from lookalike.errors import RunError, WeightsError
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


# Weights that say more than they hold


def header_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return dict(json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")]))


def hollow(path: Path, header: dict[str, Any]) -> None:
    """A file with this header and nothing behind it but a hole, as long as the tensors that it names."""
    content = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(content)) + content)
        file.truncate(8 + len(content) + max(tensor["data_offsets"][1] for tensor in header.values()))


def grown(folder: Path) -> None:
    """The right names; a weight of 8 GB."""
    header = {
        "dense.bias": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        "dense.weight": {"dtype": "F32", "shape": [4, 2**29], "data_offsets": [16, 16 + 2**33]},
    }
    hollow(folder / "encoder.safetensors", header)


def doubled(folder: Path) -> None:
    """The right names and shapes; numbers twice as wide."""
    path = folder / "encoder.safetensors"
    header = header_of(path)
    at = 0
    for tensor in header.values():
        length = 2 * (tensor["data_offsets"][1] - tensor["data_offsets"][0])
        tensor |= {"dtype": "F64", "data_offsets": [at, at + length]}
        at += length
    hollow(path, header)


def more(folder: Path) -> None:
    """All that is needed, and 8 GB besides."""
    path = folder / "decoder.safetensors"
    content, header = path.read_bytes(), header_of(path)
    end = max(tensor["data_offsets"][1] for tensor in header.values())
    header["more"] = {"dtype": "F32", "shape": [2**31], "data_offsets": [end, end + 2**33]}
    hollow(path, header)
    assert len(content) < 2**20


def another_side(folder: Path) -> None:
    hollow(folder / "third.safetensors", {"w": {"dtype": "F32", "shape": [2**31], "data_offsets": [0, 2**33]}})
    path = folder / "model.json"
    content = json.loads(path.read_bytes())
    content["files"]["third.safetensors"] = "0" * 64
    path.write_text(json.dumps(content))


def overlapping(folder: Path) -> None:
    path = folder / "encoder.safetensors"
    header = header_of(path)
    for tensor in header.values():
        tensor["data_offsets"] = [0, tensor["data_offsets"][1] - tensor["data_offsets"][0]]
    hollow(path, header)


def all_claimed(folder: Path) -> None:
    """Description and headers agree on 3 GB, none of which is there."""
    path = folder / "model.json"
    content = json.loads(path.read_bytes())
    content["parameters"]["code_size"] = 60_000
    content["image_shape"] = [64, 64, 3]
    path.write_text(json.dumps(content))
    values = 64 * 64 * 3
    header = {
        "dense.bias": {"dtype": "F32", "shape": [60_000], "data_offsets": [0, 240_000]},
        "dense.weight": {
            "dtype": "F32",
            "shape": [60_000, values],
            "data_offsets": [240_000, 240_000 * (1 + values)],
        },
    }
    hollow(folder / "encoder.safetensors", header)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (grown, "hardly any are stored"),
        (doubled, "is of F64; the model needs F32"),
        (more, "hardly any are stored"),
        (another_side, "hardly any are stored"),
        (overlapping, "in bytes 0 to"),
        (all_claimed, "says that it has 2,949,360,"),
    ],
)
def test_weights_that_are_claimed_and_not_there(spoil: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    la.PCAAutoencoder(4).initialise((8, 8, 3)).save(tmp_path)
    spoil(tmp_path)
    assert message in assert_refused_cheaply(tmp_path, *LOAD)


def test_weights_of_other_shapes_are_refused_by_their_header(tmp_path: Path) -> None:
    """What stands behind it would have another digest."""
    la.PCAAutoencoder(4).initialise((8, 8, 3)).save(tmp_path)
    larger = tmp_path / "larger"
    la.PCAAutoencoder(4).initialise((16, 16, 3)).save(larger)
    (larger / "encoder.safetensors").rename(tmp_path / "encoder.safetensors")
    with pytest.raises(WeightsError, match=r"encoder.dense.weight has shape \(4, 768\); the model needs \(4, 192\)"):
        la.load_model(tmp_path)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"image_shape": [10**9, 10**9, 3]}, "sides of 1 to 4,096"),
        ({"image_shape": [8, 8]}, "sides of 1 to 4,096"),
        ({"image_shape": "8x8"}, "sides of 1 to 4,096"),
        ({"kind": ["pca"]}, "does not say which model"),
    ],
)
def test_descriptions_of_nothing(facts: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=message):
        la.load_model(described(tmp_path, la.PCAAutoencoder(4), {}, **facts))


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("conv", {"channels": [1] * 10**6}),
        ("conv", {"channels": "wide"}),
        ("conv", {"activation": "evil"}),
        ("residual", {"width": 10**9}),
        ("dense", {"code_size": "4"}),
        ("dense", {"code_size": None}),
    ],
)
def test_parameters_out_of_range(kind: str, parameters: dict[str, Any], tmp_path: Path) -> None:
    folder = described(tmp_path, MODELS[kind](), parameters)
    assert_refused_cheaply(folder, *LOAD, named=f"model.json describes no {kind}")


def checkpoint_header(folder: Path) -> None:
    content = b'{"__metadata__":{"state":"[' + b"[]," * 2**24 + b'[]]"}}'
    (folder / "checkpoints" / "epoch-0001.safetensors").write_bytes(struct.pack("<Q", len(content)) + content)


def checkpoint_hole(folder: Path) -> None:
    hollow(
        folder / "checkpoints" / "epoch-0001.safetensors",
        {"network.encoder.dense.weight": {"dtype": "F32", "shape": [2**31], "data_offsets": [0, 2**33]}},
    )


@pytest.mark.parametrize("spoil", [checkpoint_header, checkpoint_hole])
def test_states_of_a_training_that_claim_too_much(spoil: Callable[[Path], None], tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.json").write_text(json.dumps({"model": {"kind": "pca"}, "data": {}}))
    spoil(tmp_path)
    assert_refused_cheaply(tmp_path, *LOAD)


def test_directions_that_claim_too_much(tmp_path: Path) -> None:
    from lookalike.editing import load_directions, save_directions
    from lookalike.editing.directions import Direction

    model = la.PCAAutoencoder(4).initialise((8, 8, 3))
    save_directions([Direction("up", "difference", np.ones(4), 1.0, None)], model, tmp_path)
    hollow(
        tmp_path / "directions.safetensors",
        {"vectors": {"dtype": "F64", "shape": [2**30, 4], "data_offsets": [0, 2**35]}},
    )
    with pytest.raises(RunError, match="hardly any are stored"):
        load_directions(model, tmp_path)


# Files beyond their kind


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
