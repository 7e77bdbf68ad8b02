"""Codes laid out in the plane: at once by their two leading principal axes, or, given time, by t-SNE."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError

Floats = npt.NDArray[np.float32]

METHODS = ("pca", "tsne")
PERPLEXITY = 30.0
WIDEST = 0.0005
"""Share of the points at each end of an axis at its border, so that a few far ones do not crowd the rest."""


def layout(codes: npt.ArrayLike, method: str = "pca", *, seed: int = 0) -> Floats:
    """Places of codes (N, K) in the plane: float32 (N, 2), within [-1, 1].

    Args:
        codes: after the gallery's metric for "tsne", so that near means what it means in a search.
        method: "pca", or "tsne": minutes for ten thousands of codes.
        seed: of t-SNE's approximations; the result is the same for the same seed and versions.

    Raises:
        OptionError: the method is unknown.
    """
    if method not in METHODS:
        raise OptionError(f"method {method!r} is unknown; give one of {', '.join(METHODS)}")
    given = np.asarray(codes, np.float64)
    if method == "pca" or len(given) < 3:
        return _to_square(_principal(given), WIDEST)
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(given) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed, n_jobs=1)
    return _to_square(np.asarray(model.fit_transform(given.astype(np.float32)), np.float64), 0.0)


def _principal(codes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Coordinates along the two axes of most variance, each with its largest weight positive."""
    centred = codes - codes.mean(axis=0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors[:, ::-1][:, :2]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=0)[None], axis=0)
    places = np.zeros((len(codes), 2))
    places[:, : axes.shape[1]] = centred @ (axes * np.where(largest < 0, -1.0, 1.0))
    return places


def _to_square(places: npt.NDArray[np.float64], cut: float) -> Floats:
    """Moved and scaled, both axes alike, so that all but the cut share lies within [-1, 1]; the rest at the border."""
    low, high = np.quantile(places, [cut, 1 - cut], axis=0)
    half = float((high - low).max()) / 2 or 1.0
    square: Floats = np.clip((places - (low + high) / 2) / half, -1, 1).astype(np.float32)
    return square
