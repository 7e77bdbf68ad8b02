"""An encoder from somebody else put to work once, in a process of its own with limited memory and time.

`python -m lookalike.models.onnx_trial` takes a header line of JSON and the files' contents on stdin. It ends with 0 and
what it found as JSON on stdout; with 1 and the reason; or as the system ends a process that asks for more than it may.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

import numpy as np

from lookalike import confined
from lookalike.errors import LookalikeError, MissingExtraError, OptionError
from lookalike.models.encoder_graphs import ImageGraph, TextGraph

MEMORY = 2 * 2**30
"""Bytes that the process may hold, and `COPIES` times what the files have: of these it keeps its own forms."""
COPIES = 6
SECONDS = 60
"""Of the processor, once its libraries are loaded."""
PATIENCE = 300
"""Seconds on the clock, for a machine that has much else to do."""
TEXT = "a red bicycle"


def tried(parts: dict[str, bytes], wanted: dict[str, Any]) -> dict[str, Any]:
    """What two drawn pictures, and a text, come to in a process of its own.

    Args:
        parts: contents of the files: "encoder", and "text" with "tokenizer".
        wanted: size (None as the graph says), and the parameters of `ImageGraph`.

    Returns:
        code_size, image_shape and text_size (None without).

    Raises:
        OptionError: the graph is no encoder, or needs more than it may.
        MissingExtraError: a package is not installed.
    """
    header = json.dumps({"lengths": {name: len(content) for name, content in parts.items()}, **wanted}).encode()
    content = b"".join([header, b"\n", *parts.values()])
    ended = confined.run("lookalike.models.onnx_trial", content=content, patience=PATIENCE)
    if ended.status is None:
        raise OptionError(f"the encoder was not done with two pictures after {PATIENCE} s; give a smaller one")
    try:
        told = json.loads(ended.output)
    except ValueError:
        raise OptionError(
            f"the encoder needs more than {_allowed(parts):,} bytes or {SECONDS} s for two pictures, or is damaged; "
            "give a smaller one"
        ) from None
    if "extra" in told:
        raise MissingExtraError(told["extra"], told["feature"])
    if "reason" in told:
        raise OptionError(told["reason"])
    return dict(told)


def _allowed(parts: dict[str, bytes]) -> int:
    return MEMORY + COPIES * sum(len(content) for content in parts.values())


def found(parts: dict[str, bytes], wanted: dict[str, Any]) -> dict[str, Any]:
    """As `tried`, in this process."""
    size, asked = wanted["size"], {name: value for name, value in wanted.items() if name != "size"}
    graph = ImageGraph(parts["encoder"], **asked)
    shape = _shape(graph, size)
    count = 2
    pictures = np.random.default_rng(0).random((count, *shape), np.float32) - np.float32(0.5)
    codes = graph(pictures)
    if codes.shape[0] != count or codes.shape[1] < 1:
        raise OptionError(
            f"the encoder gives codes of shape {codes.shape} for {count} pictures; export it for any batch"
        )
    text_size = None
    if "text" in parts:
        text_size = len(TextGraph(parts["text"], parts["tokenizer"], wanted["normalise"])(TEXT))
    return {"code_size": codes.shape[1], "image_shape": shape, "text_size": text_size}


def _shape(graph: ImageGraph, size: int | None) -> tuple[int, int, int]:
    """(H, W, C) of the pictures: what the graph fixes, and the asked size where it fixes none."""
    height, width = graph.form.size
    for fixed in (height, width):
        if size is not None and fixed is not None and size != fixed:
            raise OptionError(f"input size is {size}; the graph takes pictures of {height} x {width}: leave it out")
    if size is None and (height is None or width is None):
        raise OptionError("the graph takes pictures of any size; say which it was trained with: --input-size 224")
    return height or size or 0, width or size or 0, graph.form.channels or 3


def _read(stream: Any) -> tuple[dict[str, bytes], dict[str, Any]]:
    wanted = json.loads(stream.readline())
    return {name: stream.read(length) for name, length in wanted.pop("lengths").items()}, wanted


def _told(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except MissingExtraError as error:
        return {"extra": error.extra, "feature": error.feature}
    except LookalikeError as error:
        return {"reason": str(error)}
    except Exception as error:  # ONNX's parser and ONNX Runtime raise their own
        return {"reason": f"the file is no ONNX encoder that runs here ({' '.join(str(error).split())[:300]})"}


if __name__ == "__main__":
    parts, wanted = _read(sys.stdin.buffer)
    for library in ("onnx", "onnxruntime", "tokenizers"):
        with suppress(ImportError):  # whoever needs it says so
            import_module(library)
    confined.limit(_allowed(parts), SECONDS)
    told = _told(lambda: found(parts, wanted))
    print(json.dumps(told))
    sys.exit(1 if {"reason", "extra"} & told.keys() else 0)
