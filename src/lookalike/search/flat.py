"""FAISS, and its flat index searched so that distances and their order are true to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.search.lookup import Mask, Rows
from lookalike.search.metric import Floats

SPARE = 3
"""Candidates beyond the k nearest, among which the true order is found."""
BATCHED = 20
"""Queries below which every release of FAISS compares differences. From here on, or in newer ones from larger batches
on, it expands |x - y|^2 into |x|^2 - 2xy + |y|^2, which is faster (see its `distance_compute_blas_threshold`)."""


def load_faiss() -> Any:
    """The module, imported when it is first needed; untyped, since its stubs do not know what its Python layer adds."""
    import faiss

    return faiss


def points_of(flat: Any) -> Floats:
    """The float32 (N, D) vectors in a flat index, without a copy; valid until it changes."""
    faiss = load_faiss()
    if not flat.ntotal:
        return np.empty((0, flat.d), np.float32)
    return np.asarray(faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d)).reshape(flat.ntotal, flat.d)


def selector(chosen: Mask) -> Any:
    """FAISS's selector of the rows that are True."""
    faiss = load_faiss()
    return faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))


def by_differences(flat: Any, points: Floats, k: int, chosen: Mask | None = None) -> tuple[Floats, Rows]:
    """The k nearest vectors by differences, of the chosen ones alone where asked: exact zeros, the true order."""
    faiss = load_faiss()
    select = faiss.IDSelectorAll() if chosen is None else selector(chosen)
    squared, rows = flat.search(points, k, params=faiss.SearchParameters(sel=select))
    return squared, rows


def nearest(flat: Any, points: Floats, k: int) -> tuple[Floats, Rows]:
    """The k <= N nearest vectors of each point: squared distances float32 (Q, k) and rows int64 (Q, k).

    FAISS searches batches by an expansion that rounds: equal vectors are not at 0, and near ones change places. So
    some spare candidates are asked for and all are measured by differences. Where rounding could have hidden a true
    neighbour behind the last candidate, the query is searched by differences from the start.
    """
    if len(points) < BATCHED:
        return by_differences(flat, points, k)
    wanted = min(k + SPARE, flat.ntotal)
    rough, rows = flat.search(points, wanted)
    squared = measured(flat, points, rows)
    put_in_order(squared, rows)
    if wanted < flat.ntotal:
        # No vector's length is beyond its candidate's reach: |y| <= |x| + |x - y|.
        length = np.sqrt(np.einsum("nd,nd->n", points, points))
        rounding = np.finfo(np.float32).eps * flat.d * np.square(2 * length + np.sqrt(np.maximum(rough[:, -1], 0)))
        doubtful = ~(squared[:, k - 1] + rounding < rough[:, -1])
        if doubtful.any():
            exactly, places = by_differences(flat, points[doubtful], k)
            squared[doubtful, :k], rows[doubtful, :k] = exactly, places
    return np.ascontiguousarray(squared[:, :k]), np.ascontiguousarray(rows[:, :k])


def measured(flat: Any, points: Floats, rows: Rows) -> Floats:
    """Squared distances of each point (Q, D) to its rows (Q, m) of the index, by differences: float32 (Q, m)."""
    faiss = load_faiss()
    squared = np.full(rows.shape, np.inf, np.float32)
    pointers = faiss.swig_ptr(squared), faiss.swig_ptr(points), flat.get_xb(), faiss.swig_ptr(rows)
    faiss.fvec_L2sqr_by_idx(*pointers, flat.d, *rows.shape)
    return squared


def put_in_order(squared: Floats, rows: Rows) -> None:
    """Sort each line by distance, in place. Lines that are in order already, which most are, are left as they are."""
    unordered = (squared[:, 1:] < squared[:, :-1]).any(axis=1)
    if unordered.any():
        order = np.argsort(squared[unordered], axis=1, kind="stable")
        squared[unordered] = np.take_along_axis(squared[unordered], order, axis=1)
        rows[unordered] = np.take_along_axis(rows[unordered], order, axis=1)
