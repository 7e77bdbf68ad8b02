"""ONNX graphs as their files have them, written without the package onnx, which takes 0.1 s to load.

The format is protocol buffers': numbered fields, each with its kind and its content, by the numbers of onnx.proto of
ONNX 1.13 and later, which never change their meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

FLOAT32, INT64 = 1, 7
"""Types of tensors."""
TYPES: dict[Any, tuple[int, str]] = {np.float32: (FLOAT32, "<f4"), np.int64: (INT64, "<i8")}
IR_VERSION = 8
"""The intermediate representation of opset 18's time, which older runtimes read as well."""
_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7
"""Types of attributes."""
Content = bytes | memoryview
Side = int | str
"""Of a tensor: its length, or the name of one that is not known before."""


@dataclass
class Node:
    """An operator with the names of what it takes and of the one thing that it gives."""

    kind: str
    inputs: list[str]
    output: str
    name: str
    attributes: dict[str, Any] = field(default_factory=dict)


def node(of: Node) -> bytes:
    """NodeProto."""
    names = b"".join(_text(1, name) for name in of.inputs)
    attributes = (_bytes(5, _attribute(name, value)) for name, value in sorted(of.attributes.items()))
    return names + _text(2, of.output) + _text(3, of.name) + _text(4, of.kind) + b"".join(attributes)


def tensor(name: str, values: npt.NDArray[Any]) -> bytes:
    """TensorProto of an array of float32 or int64."""
    kind, order = TYPES[values.dtype.type]
    sides = b"".join(_number(1, side) for side in values.shape)
    content = np.ascontiguousarray(values, order).reshape(-1).view(np.uint8).data
    return b"".join([sides, _number(2, kind), _text(8, name), *_parts(9, content)])


def value(name: str, sides: Iterable[Side]) -> bytes:
    """ValueInfoProto of a float32 tensor that goes in or comes out."""
    shape = (_bytes(1, _number(1, side) if isinstance(side, int) else _text(2, side)) for side in sides)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, FLOAT32) + _bytes(2, b"".join(shape))))


def graph(
    name: str, nodes: Iterable[Node], held: Iterable[bytes], inputs: Iterable[bytes], outputs: Iterable[bytes]
) -> bytes:
    """GraphProto of nodes, of tensors that they hold, and of values in and out."""
    parts: list[Content] = [_bytes(1, node(one)) for one in nodes]
    parts += [_text(2, name), *(part for one in held for part in _parts(5, one))]
    parts += [_bytes(11, one) for one in inputs]
    parts += [_bytes(12, one) for one in outputs]
    return b"".join(parts)


def model(of: bytes, opset: int) -> bytes:
    """ModelProto of a graph in the default operators of that version: a file's content."""
    return b"".join([_number(1, IR_VERSION), *_parts(7, of), *_parts(8, _text(1, "") + _number(2, opset))])


def _attribute(name: str, given: Any) -> bytes:
    if isinstance(given, float):
        kind, content = _FLOAT, _key(2, 5) + struct.pack("<f", given)
    elif isinstance(given, int):
        kind, content = _INT, _number(3, given)
    elif isinstance(given, str):
        kind, content = _STRING, _text(4, given)
    else:
        kind, content = _INTS, b"".join(_number(8, one) for one in given)
    return _text(1, name) + content + _number(20, kind)


def _number(place: int, given: int) -> bytes:
    return _key(place, 0) + _varint(given % 2**64)


def _text(place: int, given: str) -> bytes:
    return _bytes(place, given.encode())


def _bytes(place: int, content: bytes) -> bytes:
    return b"".join(_parts(place, content))


def _parts(place: int, content: Content) -> tuple[bytes, Content]:
    """What is to be joined: a model's weights are copied where they are joined with others, and nowhere else."""
    return _key(place, 2) + _varint(len(content)), content


def _key(place: int, kind: int) -> bytes:
    return _varint(place << 3 | kind)


def _varint(given: int) -> bytes:
    """Seven bits a byte, the lowest first; all but the last have the highest bit set."""
    content = bytearray()
    while given > 127:
        content.append(given & 127 | 128)
        given >>= 7
    content.append(given)
    return bytes(content)
