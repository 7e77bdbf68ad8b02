"""A model on disk: two safetensors files and a description that binds them by their digests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from lookalike import files
from lookalike.errors import RunError, WeightsError

Tensors = dict[str, npt.NDArray[np.float32]]
Sides = dict[str, Tensors]
"""The tensors of a model's sides, "encoder" and "decoder", each kept in a file of its own."""

FORMAT = 1
DESCRIPTION = "model.json"
SUFFIX = ".safetensors"
_FILE = re.compile(r"\w+\.safetensors", re.ASCII)
LARGEST_HEADER = 2**20
"""Bytes that may describe the tensors of a side."""


def save(folder: Path, description: dict[str, Any], sides: Sides) -> None:
    """Write all sides and, last, the description with their digests."""
    digests = {}
    for side, tensors in sides.items():
        content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in tensors.items()})
        digests[side + SUFFIX] = files.sha256(content)
        files.write_bytes(folder / (side + SUFFIX), content)
    files.write_json(folder / DESCRIPTION, {"format": FORMAT, **description, "files": digests})


def load(folder: Path) -> tuple[dict[str, Any], Sides]:
    """Read the description and the sides that it names.

    Raises:
        RunError: the folder holds no model.
        WeightsError: a file is missing or damaged, or of a later format.
    """
    description = read_description(folder)
    return description, {
        name.removesuffix(SUFFIX): _read_side(folder / name, digest) for name, digest in description["files"].items()
    }


def read_description(folder: Path) -> dict[str, Any]:
    """Read `model.json`; the same errors as `load`."""
    path = folder / DESCRIPTION
    if not path.is_file():
        raise RunError(
            f"{folder} holds no model ({DESCRIPTION} is missing); train one with: lookalike train DATA --run {folder}"
        )
    try:
        description = files.read_json(path)
        missing = {
            "format",
            "kind",
            "parameters",
            "image_shape",
            "data",
            "history",
            "files",
        } - description.keys()
    except (OSError, ValueError, AttributeError) as error:
        raise WeightsError(f"{path} is damaged ({error}); train or save the model again") from error
    if missing:
        raise WeightsError(f"{path} lacks {', '.join(sorted(missing))}; train or save the model again")
    sides = description["files"]
    if not isinstance(sides, dict) or not all(_FILE.fullmatch(name) for name in sides):
        raise WeightsError(f"{path} names other files than its sides' own; train or save the model again")
    if description["format"] != FORMAT:
        raise WeightsError(
            f"{path} is of format {description['format']}, this version reads {FORMAT}; update lookalike"
        )
    return dict(description)


def expect_sides(sides: Sides, shapes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    """Compare the tensors of all sides with the shapes a model has, by side and name.

    Raises:
        WeightsError: naming the first tensor that is missing, left over, of another shape or not finite.
    """
    for side, own in shapes.items():
        expect_shapes(sides.get(side, {}), own, side)
    for side in sides:
        if side not in shapes:
            raise WeightsError(f"the side {side!r} is left over; the model has only {', '.join(shapes)}")


def expect_kind(description: dict[str, Any], kind: str) -> None:
    """Refuse the description of another kind of model with a RunError."""
    if description["kind"] != kind:
        raise RunError(f"the model is of kind {description['kind']!r}, not {kind!r}; use lookalike.load_model")


def expect_shapes(tensors: Tensors, shapes: dict[str, tuple[int, ...]], side: str) -> None:
    """Compare tensors with the shapes a model has, by name.

    Raises:
        WeightsError: naming the first tensor that is missing, left over, of another shape or not finite.
    """
    for name, shape in shapes.items():
        if name not in tensors:
            raise WeightsError(f"{side}.{name} is missing; the model has {side}.{name} of shape {shape}")
        if tensors[name].shape != shape:
            raise WeightsError(f"{side}.{name} has shape {tensors[name].shape}; the model needs {shape}")
        if not np.isfinite(tensors[name]).all():
            raise WeightsError(f"{side}.{name} holds values that are not finite; the training it came from diverged")
    for name in tensors:
        if name not in shapes:
            raise WeightsError(f"{side}.{name} is left over; the model has only {', '.join(shapes)}")


def _read_side(path: Path, digest: str) -> Tensors:
    try:
        _check_size(path)
        content = path.read_bytes()
        if files.sha256(content) != digest:
            raise WeightsError(
                f"{path} is not the file that {DESCRIPTION} describes (its digest differs); save the model again"
            )
        return dict(safetensors.numpy.load(content))
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); save the model again") from error


def _check_size(path: Path) -> None:
    """Refuse a file whose tensors do not fill it to its end, before it is read: its length may be an empty claim."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        size = path.stat().st_size
        if length > min(size, LARGEST_HEADER):
            raise WeightsError(f"{path} declares a header of {length:,} bytes; save the model again")
        try:
            header = json.loads(file.read(length))
            ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            raise WeightsError(f"{path} cannot be read ({error}); save the model again") from error
    if 8 + length + max(ends, default=0) != size:
        raise WeightsError(f"{path} has {size:,} bytes, its tensors another number; save the model again")
