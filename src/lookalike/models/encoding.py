"""Codes by the quickest arithmetic that leaves neighbours as they are, a few pictures at once, on all cores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch

from lookalike.data.images import Pixels
from lookalike.data.pipeline import available_cores
from lookalike.kernels import is_compiled
from lookalike.kernels.trial import Trial, known, trial_of
from lookalike.kernels.use import PLAIN, Way, computing
from lookalike.models.base import Autoencoder
from lookalike.models.batched import batches
from lookalike.models.inputs import Pictures, as_pictures
from lookalike.models.networked import NetworkAutoencoder
from lookalike.pixels import Floats
from lookalike.training.arithmetic import on_gpu
from lookalike.training.device import resolve_device


def search_codes(model: Autoencoder, X: Pictures) -> Floats:
    """Codes for an index: as `model.encode`, but in the arithmetic that is quickest for this network here.

    That is float32 by the compiled kernels, whose codes differ by rounding alone; or bfloat16 where a trial has found
    it quicker: codes then differ by about 0.3% of their spread, and of the ten nearest neighbours on LFW 99.3% stay
    the same (docs/performance.md). Closed forms, which are quick, stay as they are. Memory is bounded whatever the
    number and size of the pictures.

    Raises:
        NotFittedError, OptionError: as `model.encode`.
    """
    pictures = as_pictures(X)
    on = resolve_device(getattr(model, "device", "cpu"))
    way = way_of(model, on, len(pictures) * int(np.prod(pictures.shape[1:3])))

    def encoded(piece: Pixels | Floats) -> Floats:
        with computing(way, on):
            return model.encode(piece)

    pieces = list(batches(pictures))
    threads = torch.get_num_threads()
    if on == "cuda" or not isinstance(model, NetworkAutoencoder) or not 1 < threads <= len(pieces) // WORTH_THREADS:
        return np.concatenate([encoded(piece) for piece in pieces])
    with lone_threads(threads, "encoder") as alone:
        return np.concatenate(list(alone.map(encoded, pieces)))


WORTH_THREADS = 4
"""Batches for each thread from which on each is computed by one thread: those that compute one together wait for one
another at every layer, but of few batches the last ones would leave threads idle."""
WORTH_A_TRIAL = 50_000 * 32 * 32
"""Pixels of pictures that are encoded at once from which on a trial is little beside them."""
WORTH_COMPILING = 1_000 * 32 * 32
"""Pixels of pictures for which kernels are compiled that are not there yet, in some seconds of one core."""
TRIED = 100 * 32 * 32
"""Pixels of a trial's batch."""


def way_of(model: Autoencoder, device: str, pixels: int) -> Way:
    """The way in which so many pixels of pictures are encoded on "cpu" or "cuda".

    As a trial has found it, which few pictures do not wait for: until then by the kernels, or, for a handful where
    these are not compiled, the plain way.
    """
    if device == "cuda":
        return on_gpu()
    if not isinstance(model, NetworkAutoencoder) or not hasattr(model, "image_shape_"):
        return PLAIN
    found = known(_name(model))
    if found is not None:
        return found.way
    if pixels >= WORTH_A_TRIAL:
        return trial_of_encoding(model).way
    return Way("float32", fused=pixels >= WORTH_COMPILING or is_compiled())


def trial_of_encoding(model: NetworkAutoencoder, *, again: bool = False) -> Trial:
    """What is known of encoding `TRIED` pixels of pictures by a single thread, or is found now.

    See `kernels.trial.trial_of`.
    """
    height, width, depth = model.image_shape_
    few = np.random.default_rng(0).integers(0, 256, (max(1, TRIED // (height * width)), height, width, depth), np.uint8)

    def work(way: Way) -> Callable[[], object]:
        def encode() -> None:
            with computing(way):
                model.encode(few)

        return encode

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return trial_of(_name(model), work, again=again)
    finally:
        torch.set_num_threads(threads)


def _name(model: NetworkAutoencoder) -> dict[str, Any]:
    return {"work": "encoding", "network": model.layers_described(), "shape": list(model.image_shape_)}


class Encoders:
    """Threads that make `search_codes` of pictures while others decode the next ones; a context manager.

    Each batch is computed by one thread alone: several that compute one together would wait for each other wherever
    something else holds a core. So codes are the same to the last bit however many cores there are, and whenever which
    thread is done.
    """

    def __init__(self, model: Autoencoder) -> None:
        self.model = model
        on_processor = resolve_device(getattr(model, "device", "cpu")) == "cpu"
        count = available_cores() if on_processor else 1
        self._pool = lone_threads(count, "encoder")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def submit(self, pictures: Pixels) -> Callable[[], Floats]:
        """Begin to encode pictures (n, H, W, C), 1 or more; the function that comes back waits for codes (n, K)."""
        begun = [self._pool.submit(search_codes, self.model, piece) for piece in batches(pictures)]
        return lambda: np.concatenate([future.result() for future in begun])


def lone_threads(count: int, name: str) -> ThreadPoolExecutor:
    """Threads in each of which PyTorch computes by that thread alone."""
    pool = ThreadPoolExecutor(count, name)
    threads, together = torch.get_num_threads(), threading.Barrier(count)
    for begun in [pool.submit(_compute_alone, together) for _ in range(count)]:
        begun.result()
    torch.set_num_threads(threads)  # what a thread sets for itself would hold for later ones as well
    return pool


def _compute_alone(together: threading.Barrier) -> None:
    """Let PyTorch use this thread alone for what this thread asks for; wait until all threads are there."""
    torch.get_num_threads()  # before its first use a thread would take over the number of all others
    torch.set_num_threads(1)
    together.wait()
