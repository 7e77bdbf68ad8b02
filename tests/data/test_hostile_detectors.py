"""Networks given as `--detector` that lead elsewhere, or declare more than they hold."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from faces import with_squares, yunet_model
from lookalike.data.faces.yunet import YuNet
from lookalike.errors import DataError
from measured import assert_refused_cheaply

pytest.importorskip("cv2")
OPEN = "import numpy; from lookalike.data.faces.yunet import YuNet", "YuNet(path)"


@pytest.fixture(scope="module")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return yunet_model(tmp_path_factory.mktemp("models") / "squares.onnx")


def kept_elsewhere(model: Any, folder: Path) -> None:
    """The numbers of one tensor in another file, at an absolute path."""
    first = model.graph.initializer[0]
    (folder / "numbers").write_bytes(first.raw_data)
    first.ClearField("raw_data")
    first.data_location = TensorProto.EXTERNAL
    first.external_data.add(key="location", value=str(folder / "numbers"))


def kept_elsewhere_beside(model: Any, folder: Path) -> None:
    kept_elsewhere(model, folder)
    model.graph.initializer[0].external_data[0].value = "numbers"


def declared(model: Any, folder: Path) -> None:
    """A tensor of 40 GB of which nothing is there."""
    model.graph.initializer.append(TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[100_000, 100_000]))
    model.graph.node.append(helper.make_node("Relu", ["huge"], ["unused"]))


def in_a_setting(model: Any, folder: Path) -> None:
    huge = TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[100_000, 100_000])
    model.graph.node.insert(0, helper.make_node("Constant", [], ["unused"], value=huge))


def instead_of_grey(model: Any, *nodes: Any, last: str) -> None:
    """Nodes between the input and the rest."""
    model.graph.node[0].input[0] = last
    for node in reversed(nodes):
        model.graph.node.insert(0, node)


def widened(model: Any, folder: Path) -> None:
    """A picture of 320 x 320 becomes one of 64,000 x 64,000, and then one of 320 x 320 again."""
    scales = [numpy_helper.from_array(np.array([1, 1, f, f], np.float32), f"by{i}") for i, f in enumerate((200, 0.005))]
    model.graph.initializer.extend(scales)
    nodes = [
        helper.make_node("Resize", ["input", "", "by0"], ["wide"], mode="nearest"),
        helper.make_node("Resize", ["wide", "", "by1"], ["back"], mode="nearest"),
    ]
    instead_of_grey(model, *nodes, last="back")


def slow(model: Any, folder: Path) -> None:
    """Convolutions of 31 x 31, one after another."""
    kernel = np.zeros((3, 3, 31, 31), np.float32)
    model.graph.initializer.append(numpy_helper.from_array(kernel, "kernel"))
    names = ["input", *(f"c{i}" for i in range(200))]
    nodes = [
        helper.make_node("Conv", [before, "kernel"], [after], pads=[15] * 4)
        for before, after in itertools.pairwise(names)
    ]
    instead_of_grey(model, *nodes, last=names[-1])


HOSTILE: dict[str, tuple[Callable[[Any, Path], None], str]] = {
    "another file": (kept_elsewhere, "keeps its numbers in another file"),
    "a file beside it": (kept_elsewhere_beside, "keeps its numbers in another file"),
    "40 GB": (declared, "huge declares 40,000,000,000 bytes"),
    "40 GB in a setting": (in_a_setting, "huge declares 40,000,000,000 bytes"),
    "wide": (widened, ""),
    "slow": (slow, "needs more than"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_networks_that_ask_for_too_much(name: str, squares: Path, tmp_path: Path) -> None:
    spoil, message = HOSTILE[name]
    model = onnx.load(squares)
    spoil(model, tmp_path)
    path = tmp_path / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    assert message in assert_refused_cheaply(path, *OPEN)


def test_a_file_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    path.touch()
    os.truncate(path, 2**34)
    assert "has 17,179,869,184 bytes" in assert_refused_cheaply(path, *OPEN)


def test_nodes_without_end(tmp_path: Path) -> None:
    """Two megabytes of empty nodes, two bytes each, which unfold to much more."""
    nodes = b"\x0a\x00" * (2**20 - 8)
    size, length = len(nodes), b""
    while size:
        length += bytes([size & 127 | (128 if size > 127 else 0)])
        size >>= 7
    (tmp_path / "nodes.onnx").write_bytes(b"\x3a" + length + nodes)
    assert_refused_cheaply(tmp_path / "nodes.onnx", *OPEN)


def test_what_is_found_is_of_the_file_that_was_tried(squares: Path, tmp_path: Path) -> None:
    """One that is exchanged afterwards changes nothing."""
    path = tmp_path / "model.onnx"
    path.write_bytes(squares.read_bytes())
    detector = YuNet(path)
    path.write_bytes(b"another")
    assert len(detector(with_squares((2, 5)))) == 1
    with pytest.raises(DataError, match="is no YuNet model"):
        YuNet(path)
