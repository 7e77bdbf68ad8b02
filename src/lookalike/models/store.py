"""A model on disk: two safetensors files and a description that binds them by their digests."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from lookalike import files
from lookalike.errors import RunError, WeightsError
from lookalike.tensors import Declared, declared, misfit

Tensors = dict[str, npt.NDArray[np.float32]]
Sides = dict[str, Tensors]
"""The tensors of a model's sides, "encoder" and "decoder", each kept in a file of its own."""
Shapes = dict[str, dict[str, tuple[int, ...]]]
"""Those of a model's tensors, by side and name."""
LARGEST_SIDE = 4096
"""Pixels of the pictures of a model that somebody else has written."""
NUMBERS = "F32"
"""What all tensors of models are of, as safetensors calls it."""

FORMAT = 1
DESCRIPTION = "model.json"
SUFFIX = ".safetensors"
_FILE = re.compile(r"\w+\.(safetensors|onnx|json)", re.ASCII)


def save(folder: Path, description: dict[str, Any], sides: Sides) -> None:
    """Write all sides and, last, the description with their digests."""
    digests = {}
    for side, tensors in sides.items():
        content = safetensors.numpy.save({key: np.ascontiguousarray(value) for key, value in tensors.items()})
        digests[side + SUFFIX] = files.sha256(content)
        files.write_bytes(folder / (side + SUFFIX), content)
    files.write_json(folder / DESCRIPTION, {"format": FORMAT, **description, "files": digests})


def load(folder: Path, expected: Callable[[dict[str, Any]], Shapes] | None) -> tuple[dict[str, Any], Sides]:
    """Read the description and the sides that it names.

    Args:
        folder: of the model.
        expected: gives the shapes of the tensors that a model of a description has. What the files say of theirs is
            compared with these first, so that no more is read than such a model takes. None where there is no saying
            without PyTorch; then no more is read than the files hold.

    Raises:
        RunError: the folder holds no model.
        WeightsError: a file is missing or damaged, of a later format, or not of the model that is described.
    """
    description = read_description(folder)
    digests = description["files"]
    held = {name.removesuffix(SUFFIX): folder / name for name in digests}
    found = {side: _declared(path) for side, path in held.items()}
    if expected is not None:
        try:
            expect_shapes(found, expected(description))
        except WeightsError as error:
            raise WeightsError(f"{folder}: {error}") from error
    return description, {side: _read_side(path, digests[path.name]) for side, path in held.items()}


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
    if not isinstance(description["kind"], str) or not isinstance(description["parameters"], dict):
        raise WeightsError(f"{path} does not say which model it is of; train or save the model again")
    if not isinstance(sides, dict) or not all(_FILE.fullmatch(name) for name in sides):
        raise WeightsError(f"{path} names other files than its sides' own; train or save the model again")
    if description["format"] != FORMAT:
        raise WeightsError(
            f"{path} is of format {description['format']}, this version reads {FORMAT}; update lookalike"
        )
    return dict(description)


def shape_in(description: dict[str, Any]) -> tuple[int, int, int]:
    """(H, W, C) of a description.

    Raises:
        WeightsError: it is no shape of pictures.
    """
    shape = description["image_shape"]
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(side) is int for side in shape)) or not all(
        1 <= side <= LARGEST_SIDE for side in shape
    ):
        raise WeightsError(
            f"{DESCRIPTION} has pictures of shape {str(shape)[:80]}; three sides of 1 to {LARGEST_SIDE:,} are "
            "expected: save the model again"
        )
    return shape[0], shape[1], shape[2]


def expect_sides(sides: Sides, shapes: Shapes) -> None:
    """Compare the tensors of all sides with the shapes a model has, by side and name.

    Raises:
        WeightsError: naming the first tensor that is missing, left over, of another shape or not finite.
    """
    expect_shapes(
        {
            side: {name: Declared(NUMBERS, one.shape) for name, one in tensors.items()}
            for side, tensors in sides.items()
        },
        shapes,
    )
    for side, tensors in sides.items():
        for name, tensor in tensors.items():
            if not np.isfinite(tensor).all():
                raise WeightsError(
                    f"{side}.{name} holds values that are not finite; the training it came from diverged"
                )


def expect_shapes(found: Mapping[str, Mapping[str, Declared]], shapes: Shapes) -> None:
    """Compare what is said of the tensors of all sides with what a model has.

    Raises:
        WeightsError: naming the first tensor that is missing, left over, or of another shape or kind of numbers.
    """
    for side, own in shapes.items():
        problem = misfit(found.get(side, {}), own, side, NUMBERS)
        if problem is not None:
            raise WeightsError(problem)
    for side in found:
        if side not in shapes:
            raise WeightsError(f"the side {side!r} is left over; the model has only {', '.join(shapes)}")


def expect_kind(description: dict[str, Any], kind: str) -> None:
    """Refuse the description of another kind of model with a RunError."""
    if description["kind"] != kind:
        raise RunError(f"the model is of kind {description['kind']!r}, not {kind!r}; use lookalike.load_model")


def _declared(path: Path) -> dict[str, Declared]:
    try:
        return declared(path)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error}); save the model again") from error


def _read_side(path: Path, digest: str) -> Tensors:
    try:
        content = path.read_bytes()
        if files.sha256(content) != digest:
            raise WeightsError(
                f"{path} is not the file that {DESCRIPTION} describes (its digest differs); save the model again"
            )
        return dict(safetensors.numpy.load(content))
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); save the model again") from error
