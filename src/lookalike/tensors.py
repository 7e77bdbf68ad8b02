"""What a file of safetensors holds by its own word, checked before any of its tensors is read."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from lookalike import files
from lookalike.errors import WeightsError

LARGEST_HEADER = 2**20
"""Bytes that may describe the tensors of a side."""
WIDTHS = {"BOOL": 1, "U8": 1, "I8": 1, "I16": 2, "F16": 2, "BF16": 2, "I32": 4, "F32": 4, "I64": 8, "F64": 8}
"""Bytes of a number, by safetensors' names of their kinds."""


class Declared(NamedTuple):
    """A tensor as a header has it: safetensors' name of its numbers, and its shape."""

    dtype: str
    shape: tuple[int, ...]


def declared(path: Path, most: int = LARGEST_HEADER) -> dict[str, Declared]:
    """The tensors of a file by name, none of which is read.

    Raises:
        WeightsError: the header has more than `most` bytes or is none; its tensors do not fill the file one after the
            other, as they must; or most of the file is a hole, its length an empty claim.
        OSError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = os.fstat(file.fileno()).st_size
            if length > min(size, most):
                raise WeightsError(f"{path} declares a header of {length:,} bytes; save it again")
            header = json.loads(file.read(length))
            tensors = {name: _tensor(told) for name, told in header.items() if name != "__metadata__"}
            _check_offsets(path, header, tensors, 8 + length, size - 8 - length)
            _check_stored(path, file, size)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); save it again") from error
    return tensors


def misfit(found: Mapping[str, Declared], shapes: Mapping[str, tuple[int, ...]], name: str, dtype: str) -> str | None:
    """What is wrong with the first tensor that is not as it is needed; None where all are.

    Args:
        found: what is there.
        shapes: what is needed, by name.
        name: of the side that they are of, which the text puts before each tensor's.
        dtype: of all of them.
    """
    for one, shape in shapes.items():
        if one not in found:
            return f"{name}.{one} is missing; the model has {name}.{one} of shape {shape}"
        if found[one].shape != shape:
            return f"{name}.{one} has shape {found[one].shape}; the model needs {shape}"
        if found[one].dtype != dtype:
            return f"{name}.{one} is of {found[one].dtype}; the model needs {dtype}"
    left = [one for one in found if one not in shapes]
    return f"{name}.{left[0]} is left over; the model has only {', '.join(shapes)}" if left else None


def _tensor(told: Any) -> Declared:
    dtype, shape = str(told["dtype"]), tuple(told["shape"])
    if dtype not in WIDTHS or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError(f"a tensor of {dtype} and shape {shape} is unknown")
    return Declared(dtype, shape)


def _check_offsets(path: Path, header: dict[str, Any], tensors: dict[str, Declared], begin: int, size: int) -> None:
    at = 0
    for name in sorted(tensors, key=lambda one: header[one]["data_offsets"]):
        start, end = header[name]["data_offsets"]
        needed = math.prod(tensors[name].shape) * WIDTHS[tensors[name].dtype]
        if (start, end) != (at, at + needed):
            raise WeightsError(
                f"{path} keeps {name} in bytes {start} to {end}; from {at} on it needs {needed:,}: save it again"
            )
        at = end
    if at != size:
        raise WeightsError(f"{path} has {begin + size:,} bytes, its tensors another number ({at:,}); save it again")


def _check_stored(path: Path, file: BinaryIO, size: int) -> None:
    if files.is_hollow(file.fileno(), size):
        raise WeightsError(f"{path} says that it has {size:,} bytes, but hardly any are stored; save it again")
