"""The principal components of pictures, by the method that has room for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from lookalike.errors import OptionError
from lookalike.models.passes import by_passes
from lookalike.models.subspace import (
    COVARIANCE_UP_TO,
    EXACT_BYTES,
    SVD_UP_TO,
    Moments,
    Subspace,
    centred_rows,
    check_code_size,
    of_moments,
    of_rows,
)
from lookalike.pixels import Floats, Pixels


def principal_subspace(pictures: Pixels | Floats, code_size: int, solver: str = "auto", seed: int = 0) -> Subspace:
    """The leading principal components of pictures (N, H, W, C).

    Args:
        pictures: uint8, or float32 and centred.
        code_size: how many.
        solver: "covariance" or "svd", exact; "randomised", by passes over the pictures; "auto": exact where that has
            room, else by passes.
        seed: of what "randomised" draws.

    Raises:
        OptionError: the code size is not 1 to the lesser of pictures and values, or there are too many of these for an
            exact solver.
    """
    count, values = len(pictures), int(np.prod(pictures.shape[1:]))
    least = min(count, values)
    check_code_size(code_size, least)
    fits = fits_exactly(count, values)
    if solver == "randomised" or (solver == "auto" and not fits):
        return by_passes(pictures, code_size, seed)
    if not fits:
        needs = f"one of them to be at most {COVARIANCE_UP_TO:,}"
        if least <= COVARIANCE_UP_TO:
            needs = f"{exact_bytes(count, values) / 1e9:.1f} GB for them, and may take {EXACT_BYTES / 1e9:.1f}"
        raise OptionError(
            f"{count:,} pictures of {values:,} values; an exact PCA needs {needs}: give solver='auto', or load them at "
            "a smaller size"
        )
    exact = solver == "svd" or (solver == "auto" and least <= SVD_UP_TO)
    if exact or count < values:
        return of_rows(centred_rows(pictures), code_size, exact=exact)
    moments = Moments(values)
    moments.add(pictures)
    return of_moments(moments, code_size)


def fits_exactly(count: int, values: int) -> bool:
    """Whether an exact solver has room for so many pictures of so many values."""
    return min(count, values) <= COVARIANCE_UP_TO and exact_bytes(count, values) <= EXACT_BYTES


def exact_bytes(count: int, values: int) -> int:
    """What the exact solver takes: a matrix of the lesser of both, a copy, and fewer pictures than values."""
    least = min(count, values)
    return 16 * least**2 + (4 * count * values if count < values else 0)


def as_known(subspace: Subspace) -> dict[str, Any]:
    """What a model's `data_` says of components that are not exact; nothing of others."""
    found = subspace.approximation
    return {} if found is None else {"approximation": found._asdict()}
