"""The nearest other pictures, exactly, in blocks of queries: memory grows with N, never with N^2."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.metrics import Floats, Ids
from lookalike.search.index import index_class

BLOCK = 1024
"""Queries at once: 1,024 x 13,233 distances take 54 MB."""


def nearest_others(rows: Floats, queries: Ids, k: int) -> Ids:
    """The k rows nearest to each queried row by Euclidean distance, itself left out.

    Args:
        rows: float32 (N, D).
        queries: int (Q,): places of the rows that are asked for.
        k: 1 to N - 1.

    Returns:
        int64 (Q, k): places of the neighbours, nearest first.
    """
    index = index_class("exact")().fit(rows)
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), BLOCK):
        asked = queries[start : start + BLOCK]
        found[start : start + BLOCK] = _without_self(index.query(rows[asked], k + 1).ids, asked)
    return found


def nearest_others_by_bits(bits: npt.NDArray[np.bool_], queries: Ids, k: int, generator: np.random.Generator) -> Ids:
    """As `nearest_others`, by the number of bits that differ: bool (N, B) -> int64 (Q, k).

    Whole numbers tie often; ties are broken at random by `generator`, so that the order of the pictures lends no hash
    a better score.
    """
    signs = np.where(bits, np.float32(1), np.float32(-1))
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), BLOCK):
        asked = queries[start : start + BLOCK]
        differing = (np.float32(bits.shape[1]) - signs[asked] @ signs.T) / 2
        differing += generator.random(differing.shape, np.float32)
        differing[np.arange(len(asked)), asked] = np.inf
        nearest = np.argpartition(differing, k - 1, axis=1)[:, :k]
        order = np.argsort(np.take_along_axis(differing, nearest, axis=1), axis=1)
        found[start : start + BLOCK] = np.take_along_axis(nearest, order, axis=1)
    return found


def _without_self(ids: Ids, queries: Ids) -> Ids:
    """Ids (Q, k + 1) without the query; where equal pictures crowded it out, without the last one."""
    order = np.argsort(ids == queries[:, None], axis=1, kind="stable")
    kept: Ids = np.take_along_axis(ids, order, axis=1)[:, :-1]
    return kept
