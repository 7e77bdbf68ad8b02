"""ONNX Runtime at work on batches: where it is to compute, and pieces whose results do not hang on how many cores."""

from __future__ import annotations

import functools
import logging
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.pixels import Floats, centre

PIECE = 32
"""Pictures, or codes, that a thread computes at once."""
GPUS = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvmap", "/dev/kfd")
"""What Linux has where PyTorch may see a GPU: NVIDIA's own, under Windows, on a Jetson; AMD's."""
_log = logging.getLogger(__name__)


def computes_here(device: str) -> bool:
    """Whether ONNX Runtime is there and loads, and is to compute what a model's `device` says: on the processor."""
    on_processor = device == "cpu" or (device == "auto" and not _may_have_gpu())
    return on_processor and find_spec("onnxruntime") is not None and runtime_loads()


@functools.cache
def runtime_loads() -> bool:
    """Whether ONNX Runtime, which is installed, can be loaded; says so once where it cannot."""
    try:
        import_module("onnxruntime")
    except (ImportError, OSError) as error:  # such as of a library of the system's that is missing
        _log.warning("ONNX Runtime is installed and cannot be loaded (%s); PyTorch computes in its place", error)
        return False
    return True


def in_pieces(run: Callable[..., Floats], cores: int, *given: Floats) -> Floats:
    """What `run` makes of arrays of n rows each, in pieces, each by a thread alone: no bit changes with the cores.

    ONNX Runtime's own threads share out the products of matrices, and round otherwise for each number of them.
    """
    starts = range(0, len(given[0]), PIECE)
    pieces = [[np.ascontiguousarray(one[start : start + PIECE]) for one in given] for start in starts]
    first = run(*pieces[0])  # which makes the session, before there are threads
    with ThreadPoolExecutor(cores) as pool:  # starts a thread for a piece, and none without
        return np.concatenate([first, *pool.map(lambda piece: run(*piece), pieces[1:])])


def planes(pictures: npt.NDArray[Any]) -> Floats:
    """uint8 or centred float32 (N, H, W, C) -> centred float32 (N, C, H, W)."""
    return np.ascontiguousarray(centre(pictures).transpose(0, 3, 1, 2))


def _may_have_gpu() -> bool:
    if sys.platform == "darwin":
        return False
    return sys.platform != "linux" or any(Path(path).exists() for path in GPUS)
