"""Clustered codes, and what is nearest among them by brute force."""

from __future__ import annotations

import numpy as np

WIDTH = 16


def clustered(count: int, seed: int = 0, width: int = WIDTH) -> np.ndarray:
    """Float32 codes about 30 centres, which are the same for every seed."""
    centres = np.random.default_rng(99).normal(0, 3, (30, width))
    generator = np.random.default_rng(seed)
    return (centres[generator.integers(0, 30, count)] + generator.normal(size=(count, width))).astype(np.float32)


def names_of(count: int, seed: int = 5) -> np.ndarray:
    """Unique ids all over int64's range."""
    drawn = np.random.default_rng(seed).integers(0, 2**63 - 1, count, np.int64)
    assert len(np.unique(drawn)) == count
    return drawn


def brute_force(codes: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Places and distances of the k nearest in float64."""
    difference = queries[:, None].astype(np.float64) - codes[None].astype(np.float64)
    distances = np.sqrt(np.square(difference).sum(axis=2))
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


def recall_of(found: np.ndarray, true: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, true, strict=True)]))
