"""Principal subspaces in closed form: from sums of moments, from a Gram matrix, or by SVD."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.pixels import Floats, Pixels, centre

Doubles = npt.NDArray[np.float64]

CHUNK = 1024
SVD_UP_TO = 1000
"""Below this many pictures or pixels the SVD of the pictures costs no more than their covariance."""
COVARIANCE_UP_TO = 20_000
"""Values a picture, or pictures; the covariance of 20,000 takes 3.2 GB."""
EXACT_BYTES = 16 * COVARIANCE_UP_TO**2
"""That covariance and a copy of it, 6.4 GB: what an exact PCA may take beside the pictures."""
COLUMNS_AT_ONCE = 1 << 14
"""Values of all pictures that are taken to float64 at once."""
LANCZOS_UP_TO = 0.03
"""Share of all eigenvectors up to which Lanczos is quicker than a full decomposition."""
LEAST_LEFT = 1e-3
"""Share of the variance that errors are compared with where less is left: a thousandth of it is float32's rounding."""


class Approximation(NamedTuple):
    """What is known of components that are not exact.

    `passes` over the pictures found them. Their squared error over these pictures is at most `excess` above the least
    that so many components can have, as a share of it (`excess_of`).
    """

    passes: int
    excess: float

    @property
    def told(self) -> str:
        """In words."""
        times = "1 pass" if self.passes == 1 else f"{self.passes} passes"
        return f"by {times} over the pictures; MSE of these at most {self.excess:.2%} above exact PCA's"


class Subspace(NamedTuple):
    """components (k, D) orthonormal rows, mean (D,), variances (k,) falling, and the variance of all D together.

    `approximation` says how far they may be from the exact ones; None where they are those.
    """

    components: Doubles
    mean: Doubles
    variances: Doubles
    total_variance: float
    approximation: Approximation | None = None


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


def check_code_size(code_size: int, most: int) -> None:
    """Refuse a number of components outside 1 to `most` with an OptionError."""
    if not 1 <= code_size <= most:
        raise OptionError(
            f"code size is {code_size}; these pictures allow 1 to {most} (the less of their number and their values): "
            "take a smaller code, or more pictures"
        )


def excess_of(captured: float, most: float, total: float) -> float:
    """How much more is left of `total` than the least that can be, as a share of that least, but of `LEAST_LEFT`.

    Args:
        captured: variance that components have.
        most: what so many can have at most; infinite where nothing is known.
        total: all of it.
    """
    most = min(most, total)
    missed, left = max(most - captured, 0.0), max(total - most, LEAST_LEFT * total)
    return missed / left if missed else 0.0


def of_moments(moments: Moments, k: int) -> Subspace:
    """The k leading principal components of what was added."""
    assert moments.shift is not None
    mean = moments.sum / moments.count
    covariance = moments.products.copy()
    for start in range(0, len(mean), CHUNK):
        covariance[start : start + CHUNK] -= np.outer(mean[start : start + CHUNK], moments.sum)
    covariance /= max(moments.count - 1, 1)
    total = float(np.trace(covariance))
    variances, vectors = _leading(covariance, k)
    return Subspace(with_fixed_signs(vectors.T), mean + moments.shift, variances, total)


def of_rows(rows: Floats, k: int, *, exact: bool) -> Subspace:
    """The k leading components of (N, D) rows, which lose their mean: by SVD where `exact`, else by the Gram matrix."""
    from scipy import linalg

    mean = rows.mean(axis=0, dtype=np.float64)
    rows -= mean.astype(np.float32)
    centred = rows
    freedom = max(len(rows) - 1, 1)
    total = float(np.einsum("nd,nd->", centred, centred, dtype=np.float64)) / freedom
    if exact:
        _, singular, vectors = linalg.svd(centred, full_matrices=False, check_finite=False)
        return Subspace(
            with_fixed_signs(vectors[:k].astype(np.float64)),
            mean,
            singular[:k].astype(np.float64) ** 2 / freedom,
            total,
        )
    gram = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], CHUNK):
        columns = centred[:, start : start + CHUNK]
        gram += columns @ columns.T
    gram /= freedom
    variances, left = _leading(gram, k)
    # A component is the pictures' combination by the Gram eigenvector; QR cleans what rounding left of the scale.
    values = range(0, rows.shape[1], COLUMNS_AT_ONCE)
    parts = [centred[:, start : start + COLUMNS_AT_ONCE].T.astype(np.float64) @ left for start in values]
    components, _ = np.linalg.qr(np.concatenate(parts))
    return Subspace(with_fixed_signs(components.T), mean, variances, total)


def centred_rows(pictures: Pixels | Floats) -> Floats:
    """Pictures (N, H, W, C) as rows of their own: float32 (N, H * W * C), as `centre` has them."""
    rows = np.empty((len(pictures), int(np.prod(pictures.shape[1:]))), np.float32)
    for start in range(0, len(pictures), CHUNK):
        rows[start : start + CHUNK] = centre(pictures[start : start + CHUNK]).reshape(-1, rows.shape[1])
    return rows


def _leading(matrix: Doubles, k: int) -> tuple[Doubles, Doubles]:
    """The k largest eigenvalues, falling and never negative, and their eigenvectors as columns."""
    from scipy import linalg
    from scipy.sparse.linalg import eigsh

    size = len(matrix)
    if k <= LANCZOS_UP_TO * size and matrix.any():  # Lanczos finds no vector to start from in a matrix of zeros
        start = np.ones(size)  # a fixed start, so that the same input gives the same bits
        values, vectors = eigsh(matrix, k=k, which="LA", v0=start, ncv=min(size, max(3 * k, 20)))
    else:
        values, vectors = linalg.eigh(matrix, subset_by_index=(size - k, size - 1), check_finite=False)
    order = np.argsort(values)[::-1]
    return np.maximum(values[order], 0.0), vectors[:, order]


def with_fixed_signs(components: Doubles) -> Doubles:
    """Turn each row so that its largest entry is positive, as scikit-learn does: the same on every machine."""
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    return np.ascontiguousarray(components * np.where(largest < 0, -1.0, 1.0))
