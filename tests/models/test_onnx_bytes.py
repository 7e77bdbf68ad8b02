"""What is written as an ONNX file's bytes is what the package onnx writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lookalike.models import onnx_bytes
from lookalike.models.onnx_bytes import Node
from lookalike.models.onnx_sharp import sharp_graph
from lookalike.models.sharp import shapes_of

LONG = "a name of more than 127 bytes: " + "ö" * 70


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"axis": 0},
        {"perm": [0, 3, 1, 2], "alpha": 0.1},
        {"pads": [0, -1, 127, 128, 2**40, -(2**63)], "axis": -1, "mode": "CRD"},
        {"to": 2**63 - 1, "scale": -1e-30, "empty": ""},
    ],
)
def test_nodes(attributes: dict[str, Any]) -> None:
    ours = onnx_bytes.node(Node("Conv", ["x", "", LONG], "y", "n", attributes))
    assert ours == helper.make_node("Conv", ["x", "", LONG], ["y"], name="n", **attributes).SerializeToString()


@pytest.mark.parametrize(
    "values",
    [
        np.float32(0.5),
        np.zeros((0, 3), np.int64),
        np.arange(-3, 200),
        np.random.default_rng(0).normal(size=(5, 200, 3)).astype(np.float32).transpose(2, 0, 1),
        np.array([[np.nan, np.inf, -0.0]], np.float32),
    ],
)
def test_tensors(values: Any) -> None:
    given = np.asarray(values)
    assert onnx_bytes.tensor(LONG, given) == numpy_helper.from_array(given, LONG).SerializeToString()


def test_a_whole_model() -> None:
    nodes = [Node("Gemm", ["x", "w"], "h", "first", {"transB": 1}), Node("Elu", ["h"], "y", "last")]
    weight = np.random.default_rng(0).normal(size=(7, 300)).astype(np.float32)
    inputs, outputs = [onnx_bytes.value("x", ["batch", 300])], [onnx_bytes.value("y", ["batch", 7])]
    ours = onnx_bytes.model(onnx_bytes.graph("both", nodes, [onnx_bytes.tensor("w", weight)], inputs, outputs), 18)
    theirs = helper.make_model(
        helper.make_graph(
            [helper.make_node(one.kind, one.inputs, [one.output], name=one.name, **one.attributes) for one in nodes],
            "both",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 300])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 7])],
            [numpy_helper.from_array(weight, "w")],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=onnx_bytes.IR_VERSION,
    )
    assert ours == theirs.SerializeToString()
    onnx.checker.check_model(onnx.load_model_from_string(ours), full_check=True)


@pytest.mark.parametrize("shape", [(16, 24, 3), (9, 21, 1)])
def test_a_sharp_decoder(shape: tuple[int, int, int]) -> None:
    weights = {name: np.ones(own, np.float32) for name, own in shapes_of(shape, 5, 3).items()}
    ours = sharp_graph(shape, weights)
    theirs = onnx.load_model_from_string(ours)
    assert ours == theirs.SerializeToString()
    onnx.checker.check_model(theirs, full_check=True)
    height, width, depth = shape
    pictures = ["batch", depth, height, width]
    assert [*theirs.graph.input] == [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, own)
        for name, own in (("codes", ["batch", 5]), ("plain", pictures))
    ]
    assert [*theirs.graph.output] == [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, pictures)]
    held = {one.name.removeprefix("sharp."): numpy_helper.to_array(one) for one in theirs.graph.initializer}
    for name, values in weights.items():
        np.testing.assert_array_equal(held[name], values)
