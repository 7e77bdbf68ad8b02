"""Pictures in batches whose size they alone decide, so that codes repeat to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from lookalike.models.base import BATCH, Autoencoder
from lookalike.pixels import Floats, Pixels

VALUES_AT_ONCE = BATCH * 64 * 64 * 3
"""Values of the pictures that go through a network together: larger pictures go in smaller batches, since what its
layers hold of a batch is some twenty times as much."""


def batches(pictures: Pixels | Floats) -> Iterator[Pixels | Floats]:
    """The batches of pictures (n, H, W, C) that go through together; their size depends on H, W and C alone."""
    size = max(1, min(BATCH, VALUES_AT_ONCE // int(np.prod(pictures.shape[1:]))))
    for start in range(0, len(pictures), size):
        yield pictures[start : start + size]


def exact_codes(model: Autoencoder, pictures: Pixels | Floats) -> Floats:
    """Codes (n, K) as `model.encode`, in float32, of pictures (n, H, W, C) in batches whose size these alone decide.

    The same pictures in the same order give the same bits on equal processors, where one thread computes them
    (`encoding.lone_threads`, `lone_products`).

    Raises:
        NotFittedError, OptionError: as `model.encode`.
    """
    return np.concatenate([model.encode(piece) for piece in batches(pictures)])


@contextmanager
def lone_products() -> Iterator[None]:
    """Let NumPy's products of matrices, too, be computed by the thread that asks for them, in the whole process."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
