"""Principal subspaces in closed form: from sums of moments, from a Gram matrix, or by SVD."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import linalg
from scipy.sparse.linalg import eigsh

from lookalike.errors import OptionError
from lookalike.pixels import Floats, Pixels, centre

Doubles = npt.NDArray[np.float64]

CHUNK = 1024
SVD_UP_TO = 1000
"""Below this many pictures or pixels the SVD of the pictures costs no more than their covariance."""
COVARIANCE_UP_TO = 20_000
"""Values a picture; the covariance of 20,000 takes 3.2 GB."""
LANCZOS_UP_TO = 0.03
"""Share of all eigenvectors up to which Lanczos is quicker than a full decomposition."""


class Subspace(NamedTuple):
    """components (k, D) orthonormal rows, mean (D,), variances (k,) falling, and the variance of all D together."""

    components: Doubles
    mean: Doubles
    variances: Doubles
    total_variance: float


class Moments:
    """Sums over pictures of x and x x^T, about the mean of the first chunk so that nothing cancels.

    Products are taken in float32, chunk by chunk, and summed in float64.
    """

    def __init__(self, values: int) -> None:
        self.values = values
        self.count = 0
        self.shift: Floats | None = None
        self.sum = np.zeros(values)
        self.products = np.zeros((values, values))

    def add(self, pictures: Pixels | Floats) -> None:
        """Add pictures (N, H, W, C) with H * W * C = `values`."""
        for start in range(0, len(pictures), CHUNK):
            rows = centre(pictures[start : start + CHUNK]).reshape(-1, self.values)
            if self.shift is None:
                self.shift = rows.mean(axis=0)
            rows = rows - self.shift
            self.count += len(rows)
            self.sum += rows.sum(axis=0, dtype=np.float64)
            self.products += rows.T @ rows


def principal_subspace(pictures: Pixels | Floats, code_size: int, solver: str = "auto") -> Subspace:
    """The leading principal components of pictures (N, H, W, C), exactly, by one of the solvers "auto" to "svd".

    Raises:
        OptionError: the code size is not 1 to the lesser of pictures and values, or there are too many of these.
    """
    count, values = len(pictures), int(np.prod(pictures.shape[1:]))
    least = min(count, values)
    check_code_size(code_size, least)
    exact = solver == "svd" or (solver == "auto" and least <= SVD_UP_TO)
    by_rows = exact or count < values
    if (least if by_rows else values) > COVARIANCE_UP_TO:
        raise too_large(count, values)
    if by_rows:
        return of_rows(centre(pictures).reshape(count, values), code_size, exact=exact)
    moments = Moments(values)
    moments.add(pictures)
    return of_moments(moments, code_size)


def check_code_size(code_size: int, most: int) -> None:
    """Refuse a number of components outside 1 to `most` with an OptionError."""
    if not 1 <= code_size <= most:
        raise OptionError(f"code size is {code_size}; these pictures allow 1 to {most} (the less of number and values)")


def too_large(count: int, values: int) -> OptionError:
    """What to say of pictures that no exact method can take."""
    return OptionError(
        f"{count:,} pictures of {values:,} values; an exact PCA needs one of them to be at most {COVARIANCE_UP_TO:,}: "
        "load them at a smaller size, or use ConvAutoencoder"
    )


def of_moments(moments: Moments, k: int) -> Subspace:
    """The k leading principal components of what was added."""
    assert moments.shift is not None
    mean = moments.sum / moments.count
    covariance = moments.products - np.outer(mean, moments.sum)
    covariance /= max(moments.count - 1, 1)
    total = float(np.trace(covariance))
    variances, vectors = _leading(covariance, k)
    return Subspace(_with_fixed_signs(vectors.T), mean + moments.shift, variances, total)


def of_rows(rows: Floats, k: int, *, exact: bool) -> Subspace:
    """The k leading components of (N, D) rows: by SVD where `exact`, else from the (N, N) Gram matrix."""
    mean = rows.mean(axis=0, dtype=np.float64)
    centred = rows - mean.astype(np.float32)
    freedom = max(len(rows) - 1, 1)
    total = float(np.einsum("nd,nd->", centred, centred, dtype=np.float64)) / freedom
    if exact:
        _, singular, vectors = linalg.svd(centred, full_matrices=False, check_finite=False)
        return Subspace(
            _with_fixed_signs(vectors[:k].astype(np.float64)),
            mean,
            singular[:k].astype(np.float64) ** 2 / freedom,
            total,
        )
    gram = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], CHUNK):
        columns = centred[:, start : start + CHUNK]
        gram += columns @ columns.T
    variances, left = _leading(gram / freedom, k)
    # A component is the pictures' combination by the Gram eigenvector; QR cleans what rounding left of the scale.
    components, _ = np.linalg.qr(centred.T.astype(np.float64) @ left)
    return Subspace(_with_fixed_signs(components.T), mean, variances, total)


def _leading(matrix: Doubles, k: int) -> tuple[Doubles, Doubles]:
    """The k largest eigenvalues, falling and never negative, and their eigenvectors as columns."""
    size = len(matrix)
    if k <= LANCZOS_UP_TO * size and matrix.any():  # Lanczos finds no vector to start from in a matrix of zeros
        start = np.ones(size)  # a fixed start, so that the same input gives the same bits
        values, vectors = eigsh(matrix, k=k, which="LA", v0=start, ncv=min(size, max(3 * k, 20)))
    else:
        values, vectors = linalg.eigh(matrix, subset_by_index=(size - k, size - 1), check_finite=False)
    order = np.argsort(values)[::-1]
    return np.maximum(values[order], 0.0), vectors[:, order]


def _with_fixed_signs(components: Doubles) -> Doubles:
    """Turn each row so that its largest entry is positive, as scikit-learn does: the same on every machine."""
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(components * np.where(largest < 0, -1.0, 1.0))
