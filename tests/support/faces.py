"""Photos with faces that are white squares, and a network of YuNet's form that finds them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def yunet_model(path: Path) -> Path:
    """A network of YuNet's form: a white square of 32 pixels on its grid is a face, its points at fixed places.

    Each of the three strides has scores, boxes and points for each cell; here the stride of 32 alone is alive, where a
    cell's score is its brightness.
    """
    nodes, outputs, constants = [], [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value.astype(np.float32), name))
        return name

    nodes.append(helper.make_node("ReduceMean", ["input"], ["grey"], axes=[1], keepdims=1))
    for stride in (8, 16, 32):
        nodes.append(
            helper.make_node(
                "AveragePool", ["grey"], [f"mean{stride}"], kernel_shape=[stride, stride], strides=[stride, stride]
            )
        )
        alive = 1 / 255 if stride == 32 else 0
        nodes.append(
            helper.make_node("Mul", [f"mean{stride}", constant(f"alive{stride}", np.array(alive))], [f"s{stride}"])
        )
        nodes.append(helper.make_node("Transpose", [f"s{stride}"], [f"t{stride}"], perm=[0, 2, 3, 1]))
        constants.append(numpy_helper.from_array(np.array([1, -1, 1], np.int64), f"flat{stride}"))
        nodes.append(helper.make_node("Reshape", [f"t{stride}", f"flat{stride}"], [f"cls_{stride}"]))
        nodes.append(
            helper.make_node("Mul", [f"cls_{stride}", constant(f"one{stride}", np.array(1))], [f"obj_{stride}"])
        )
        # a box: shift of the middle and logarithm of the sides, in cells; the points: shifts, in cells
        box = np.array([0.5, 0.5, math.log(2), math.log(3)]).reshape(1, 1, 4)
        points = np.array([0.25, 0.25, 0.75, 0.25, 0.5, 0.5, 0.3, 0.75, 0.7, 0.75]).reshape(1, 1, 10)
        for kind, value in (("bbox", box), ("kps", points)):
            nodes.append(
                helper.make_node(
                    "Mul", [f"cls_{stride}", constant(f"{kind}0{stride}", np.zeros(1))], [f"{kind}z{stride}"]
                )
            )
            nodes.append(
                helper.make_node("Add", [f"{kind}z{stride}", constant(f"{kind}v{stride}", value)], [f"{kind}_{stride}"])
            )
    for kind, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
        outputs += [
            helper.make_tensor_value_info(f"{kind}_{stride}", TensorProto.FLOAT, [1, None, width])
            for stride in (8, 16, 32)
        ]
    shape = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 320, 320])
    graph = helper.make_graph(nodes, "squares", [shape], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    onnx.save(model, path)
    return path


def with_squares(*cells: tuple[int, int], side: int = 320, shades: bool = False, darker: int = 0) -> np.ndarray:
    """A photo with a white square, with a little of red in its upper left, in some cells (row, column) of 32 pixels.

    With `shades` each further one is a little darker than the one before, with `darker` all of them are.
    """
    photo = np.zeros((side, side, 3), np.uint8)
    for place, (row, column) in enumerate(cells):
        square = photo[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
        square[:] = 255
        square[:8, :8, 1:] = 200
        if shades:
            square -= np.uint8(8 * place)
        square -= np.uint8(darker)
    return photo
