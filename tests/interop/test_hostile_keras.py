"""Keras's files as an attacker writes them: nothing else is read, and no memory is asked for that they cannot fill."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lookalike.errors import WeightsError
from lookalike.interop.keras_import import import_keras
from measured import assert_refused_cheaply
from places import FIXTURES

ENCODER, DECODER = (48, 5), (5, 48)


def written(path: Path, replaced: Callable[[h5py.Group, str], None], units: int = 5, values: int = 48) -> Path:
    """A whole model of two Dense layers, with what `replaced` puts in place of the first one's kernel."""
    architecture = {
        "class_name": "Sequential",
        "config": {
            "name": "whole",
            "layers": [
                {
                    "class_name": "Dense",
                    "config": {"name": "dense", "units": units, "batch_input_shape": [None, values]},
                },
                {"class_name": "Dense", "config": {"name": "back", "units": values}},
            ],
        },
    }
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(architecture)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"dense", b"back"]
        for name, shape in (("dense", (values, units)), ("back", (units, values))):
            layer = group.create_group(f"{name}/{name}")
            group[name].attrs["weight_names"] = [f"{name}/kernel:0".encode(), f"{name}/bias:0".encode()]
            if name == "dense" or units * values > 10**6:
                replaced(layer, "kernel:0")
            else:
                layer["kernel:0"] = np.full(shape, 0.1, np.float32)
            layer["bias:0"] = np.zeros(min(shape[1], 10**6), np.float32)
    return path


def secret_of(folder: Path) -> Path:
    path = folder / "secret.h5"
    with h5py.File(path, "w") as file:
        file["kernel"] = np.full(ENCODER, 42, np.float32)
    return path


def external_link(group: h5py.Group, name: str) -> None:
    group[name] = h5py.ExternalLink(str(secret_of(Path(group.file.filename).parent)), "/kernel")


def external_storage(group: h5py.Group, name: str) -> None:
    raw = Path(group.file.filename).parent / "raw.bin"
    raw.write_bytes(np.full(ENCODER, 42, np.float32).tobytes())
    group.create_dataset(name, ENCODER, np.float32, external=[(str(raw), 0, h5py.h5f.UNLIMITED)])


def virtual(group: h5py.Group, name: str) -> None:
    layout = h5py.VirtualLayout(ENCODER, np.float32)
    layout[:] = h5py.VirtualSource(str(secret_of(Path(group.file.filename).parent)), "kernel", ENCODER)
    group.create_virtual_dataset(name, layout)


def soft_link(group: h5py.Group, name: str) -> None:
    group.file["elsewhere"] = np.full(ENCODER, 42, np.float32)
    group[name] = h5py.SoftLink("/elsewhere")


def test_the_file_itself_is_a_good_one(tmp_path: Path) -> None:
    good = written(tmp_path / "good.h5", lambda group, name: group.create_dataset(name, data=np.ones(ENCODER, "f4")))
    assert import_keras([good]).model.code_size == 5


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (external_link, "dense/kernel:0 is a link to elsewhere"),
        (soft_link, "dense/kernel:0 is a link to elsewhere"),
        (external_storage, "kernel:0 keeps its numbers in another file"),
        (virtual, "kernel:0 keeps its numbers in another file"),
        (lambda group, name: group.create_dataset(name, ENCODER, h5py.string_dtype()), "is no array of numbers"),
        (lambda group, name: group.create_group(name), "is no array of numbers"),
    ],
    ids=["external link", "soft link", "external storage", "virtual", "texts", "group"],
)
def test_nothing_is_followed(replaced: Callable[[h5py.Group, str], None], message: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=message) as refusal:
        import_keras([written(tmp_path / "bad.h5", replaced)])
    assert refusal.value.exit_code == 2


def test_a_whole_group_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    path = written(tmp_path / "bad.h5", lambda group, name: group.create_dataset(name, data=np.ones(ENCODER, "f4")))
    with h5py.File(path, "a") as file:
        file.move("model_weights", "hidden")
        file["model_weights"] = h5py.SoftLink("/hidden")
    with pytest.raises(WeightsError, match="/model_weights is a link to elsewhere"):
        import_keras([path])


@pytest.mark.parametrize("name", ["../dense/kernel:0", "/model_weights/dense/dense/kernel:0", "dense//kernel:0"])
def test_names_lead_nowhere_else(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / "bad.h5", lambda group, name: group.create_dataset(name, data=np.ones(ENCODER, "f4")))
    with h5py.File(path, "a") as file:
        file["model_weights/dense"].attrs["weight_names"] = [name.encode(), b"dense/bias:0"]
    with pytest.raises(WeightsError, match=r"is no name below|lacks"):
        import_keras([path])


# What is declared and not there


def huge(group: h5py.Group, name: str) -> None:
    wide = (30_000, 30_000)
    group.create_dataset(name, wide, np.float32, chunks=(1000, 1000))


def huge_chunk(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, ENCODER, np.float32, maxshape=(None, 5), chunks=(10**8, 5), compression="gzip")


def packed(group: h5py.Group, name: str) -> None:
    group.create_dataset(name, (20_000, 20_000), np.float32, chunks=(1000, 20_000), compression="gzip", fillvalue=1)
    group[name][:1000] = 2


def weights_only(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        for side in ("first", "second"):
            held = file.create_group(f"layers/dense_{'1' if side == 'second' else '0'}/vars")
            held.create_dataset("0", (30_000, 30_000), np.float32, chunks=(1000, 1000))
    return path


def bomb(path: Path) -> Path:
    """An archive of which a member unpacks to 256 MiB of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": []}}))
        with archive.open("model.weights.h5", "w", force_zip64=True) as member:
            block = bytes(2**24)
            for _ in range(16):
                member.write(block)
    return path


def deep(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[" * 100_000 + "]" * 100_000)
        archive.write(FIXTURES / "keras2" / "pca" / "encoder.h5", "model.weights.h5")
    return path


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "huge, nothing stored": lambda folder: written(folder / "a.h5", huge, units=30_000, values=30_000),
    "huge, other shape": lambda folder: written(folder / "a.h5", huge),
    "huge chunk": lambda folder: written(folder / "a.h5", huge_chunk),
    "packed": lambda folder: written(folder / "a.h5", packed, units=20_000, values=20_000),
    "weights only": lambda folder: weights_only(folder / "a.weights.h5"),
    "archive": lambda folder: bomb(folder / "a.keras"),
    "nested": lambda folder: deep(folder / "a.keras"),
}
IMPORT = "from lookalike.interop.keras_import import import_keras", "import_keras([path])"


@pytest.mark.parametrize("name", HOSTILE)
def test_sizes_are_checked_before_memory_is_asked_for(name: str, tmp_path: Path) -> None:
    """In a process of its own, whose memory the system counts."""
    path = HOSTILE[name](tmp_path)
    assert path.stat().st_size < 4 * 2**20
    assert_refused_cheaply(path, *IMPORT)


def test_a_network_too_wide_to_compute_is_refused(tmp_path: Path) -> None:
    """Few weights, but pictures between them that no memory holds."""
    shape = (60_000, 60_000, 1)
    layers: list[dict[str, Any]] = [
        {"class_name": "Conv2D", "config": {"name": "wide", "filters": 1, "kernel_size": 3, "padding": "same"}},
    ]
    layers[0]["config"]["batch_input_shape"] = [None, *shape]
    path = tmp_path / "wide.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"name": "m", "layers": layers}})
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"wide"]
        group.create_group("wide").attrs["weight_names"] = [b"wide/kernel:0", b"wide/bias:0"]
        group["wide/wide/kernel:0"] = np.ones((3, 3, 1, 1), np.float32)
        group["wide/wide/bias:0"] = np.ones(1, np.float32)
    with pytest.raises(WeightsError, match=r"layer 'wide' gives 60,000 x 60,000 x 1 numbers a picture"):
        import_keras([path])
