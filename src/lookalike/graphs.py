"""ONNX graphs that somebody else made: what they declare is checked before room is made for it, and how they run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lookalike.errors import MissingExtraError

EXTRA = "onnx"


def parsed(content: bytes) -> Any:
    """The `onnx.ModelProto` in a file's content, none of whose tensors declares more than the content holds.

    Raises:
        MissingExtraError: the package onnx is not installed.
        ValueError: a tensor lies in another file, or declares another size; or what the parser meets.
    """
    if find_spec("onnx") is None:
        raise MissingExtraError(EXTRA, "reading an ONNX model")
    import onnx

    model = onnx.load_model_from_string(content)
    for tensor in tensors_of(model.graph):
        _check(tensor)
    for function in model.functions:
        for node in function.node:
            for tensor in _tensors_of_node(node):
                _check(tensor)
    return model


def tensors_of(graph: Any) -> Iterator[Any]:
    """Of a graph, of its nodes' settings, and of the graphs in these."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from _tensors_of_node(node)


def session(graph: bytes | Path, threads: int = 1) -> Any:
    """An ONNX Runtime session on the CPU.

    Raises:
        MissingExtraError: onnxruntime is not installed.
    """
    if find_spec("onnxruntime") is None:
        raise MissingExtraError(EXTRA, "running an ONNX model")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait take no core
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        graph if isinstance(graph, bytes) else str(graph), options, providers=["CPUExecutionProvider"]
    )


def _tensors_of_node(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        yield from attribute.tensors
        if attribute.HasField("t"):
            yield attribute.t
        sparse = [
            *attribute.sparse_tensors,
            *([attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []),
        ]
        for one in sparse:
            yield from (one.values, one.indices)
        for inner in (attribute.g, *attribute.graphs):
            yield from tensors_of(inner)


def _check(tensor: Any) -> None:
    from onnx import helper
    from onnx.external_data_helper import uses_external_data

    if uses_external_data(tensor) or tensor.external_data:
        raise ValueError(f"{tensor.name} keeps its numbers in another file, which is not read")
    needed = math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    held = max(len(tensor.raw_data), tensor.ByteSize())
    if min(tensor.dims, default=1) < 0 or needed > 8 * held:  # small numbers are kept in one byte each
        raise ValueError(f"{tensor.name} declares {needed:,} bytes; {held:,} are there")
