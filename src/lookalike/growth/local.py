"""On this machine: a thread a core, each of which decodes and encodes a piece by itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from lookalike.data.framing import Framing
from lookalike.data.pipeline import available_cores
from lookalike.growth.pieces import Piece
from lookalike.growth.worker import Part, Worker
from lookalike.models.base import Autoencoder
from lookalike.models.batched import lone_products


def encoded_here(model: Autoencoder, framing: Framing, pieces: Iterator[Piece]) -> Iterator[Part]:
    """The parts of pieces, in their order; decoders, PyTorch and NumPy release the interpreter's lock."""
    count = available_cores()
    worker = Worker(model, framing)
    pool = _threads(count, model)

    def encode(piece: Piece) -> Part:
        return worker(piece, threading.current_thread().name)

    pending: deque[Future[Part]] = deque()
    try:
        with lone_products():
            for piece in pieces:
                pending.append(pool.submit(encode, piece))
                if len(pending) > 2 * count:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _threads(count: int, model: Autoencoder) -> ThreadPoolExecutor:
    """Threads in each of which a model is computed by that thread alone."""
    if not model.by_pytorch:
        return ThreadPoolExecutor(count, "worker")
    from lookalike.models.encoding import lone_threads  # PyTorch takes a second to import

    return lone_threads(count, "worker")
