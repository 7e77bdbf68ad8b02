"""Small encoders in ONNX, written node by node, and what ONNX Runtime gives of arrays framed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

SIDE, CODE = 16, 8
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def conv_encoder(
    path: Path,
    *,
    layout: str = "nchw",
    dtype: str = "float32",
    batch: int | str = "batch",
    side: int | str = SIDE,
    channels: int = 3,
    end: str = "codes",
    seed: int = 0,
) -> Path:
    """Conv with ReLU, then by `end`: the mean over places ("codes"), the map ("map"), or tokens (N, T, K) ("tokens").

    "nan" divides 0 by 0 for every code.
    """
    kernel = np.random.default_rng(seed).normal(size=(CODE, channels, 3, 3)).astype(np.float32)
    shape = [batch, channels, side, side] if layout == "nchw" else [batch, side, side, channels]
    nodes = [helper.make_node("Cast", ["pixels"], ["values"], to=TensorProto.FLOAT)]
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", ["values"], ["planes"], perm=[0, 3, 1, 2]))
    nodes += [
        helper.make_node("Conv", ["planes" if layout == "nhwc" else "values", "kernel"], ["conv"], strides=[2, 2]),
        helper.make_node("Relu", ["conv"], ["map"]),
        helper.make_node("GlobalAveragePool", ["map"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["codes"]),
        helper.make_node("Reshape", ["map", "tokens_shape"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("Sub", ["codes", "codes"], ["zero"]),
        helper.make_node("Div", ["zero", "zero"], ["nan"]),
    ]
    axes: dict[str, list[Any]] = {
        "codes": [batch, CODE],
        "nan": [batch, CODE],
        "map": [batch, CODE, None, None],
        "tokens": [batch, None, CODE],
    }
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("pixels", TYPES[dtype], shape)],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, axes[end])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(np.array([0, CODE, -1]), "tokens_shape")],
    )
    return saved(path, graph)


def text_encoder(path: Path, words: int, *, length: int | str = "length", seed: int = 1, code: int = CODE) -> Path:
    """The mean of a table's rows over the tokens that the mask counts: (N, K)."""
    table = np.random.default_rng(seed).normal(size=(words, code)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Cast", ["attention_mask"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["counted", "last"], ["weights"]),
        helper.make_node("Mul", ["rows", "weights"], ["kept"]),
        helper.make_node("ReduceSum", ["kept", "middle"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["weights", "middle"], ["count"], keepdims=0),
        helper.make_node("Div", ["sum", "count"], ["text_embeds"]),
    ]
    graph = helper.make_graph(
        nodes,
        "texts",
        [
            helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", length])
            for n in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("text_embeds", TensorProto.FLOAT, ["batch", code])],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array([2]), "last"),
            numpy_helper.from_array(np.array([1]), "middle"),
        ],
    )
    return saved(path, graph)


def tokenizer(path: Path, words: list[str]) -> Path:
    """Splits at spaces; word i has the number i + 1, what is unknown 0."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    made = Tokenizer(models.WordLevel({"[UNK]": 0, **{word: i + 1 for i, word in enumerate(words)}}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.save(str(path))
    return path


def saved(path: Path, graph: Any) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, path)
    return path


def by_runtime(path: Path, given: np.ndarray) -> np.ndarray:
    """The first output of a file, for its one input as it is."""
    held = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: np.ndarray = held.run(None, {held.get_inputs()[0].name: given})[0]
    return found


WORDS = ["red", "bicycle", "face"]


def two_towers(folder: Path, side: int = SIDE) -> dict[str, Path]:
    """An encoder of pictures and one of texts that knows `WORDS`, with its tokenizer: what `import` takes."""
    return {
        "encoder": conv_encoder(folder / "e.onnx", side=side),
        "text": text_encoder(folder / "t.onnx", len(WORDS) + 1),
        "tokenizer": tokenizer(folder / "tokenizer.json", WORDS),
    }


def code_of_words(path: Path, words: list[int]) -> np.ndarray:
    """The mean of the table's rows, which is what such an encoder is to give."""
    table = numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    code: np.ndarray = table[words].mean(axis=0)
    return code
