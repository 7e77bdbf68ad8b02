"""Principal components of pictures that come in parts and are seen once, of too many values for their covariance."""

from __future__ import annotations

import numpy as np

from lookalike.errors import OptionError
from lookalike.models.subspace import CHUNK, Approximation, Doubles, Subspace, excess_of, with_fixed_signs
from lookalike.pixels import Floats, Pixels, centre

ROWS_A_COMPONENT = 4
LEAST_ROWS = 64
"""Rows of a sketch, at least: 4 for each component."""


class Sketch:
    """Rows whose products stand for those of all pictures about their mean, and what is left out of them at most.

    Rows and new pictures are compressed to the leading components of both, again and again (Brand, 2002; Ross and
    others, 2008, for the mean). The scatter of all pictures is then the rows' own plus what was dropped each time, so
    that its k leading eigenvalues together exceed the rows' by no more than the sum of the k leading ones of what was
    dropped (Ky Fan's norm is subadditive).

    Args:
        values: of a picture.
        code_size: k.
    """

    def __init__(self, values: int, code_size: int) -> None:
        self.values = values
        self.code_size = code_size
        self.length = min(max(ROWS_A_COMPONENT * code_size, LEAST_ROWS), values)
        self.count = 0
        self.mean: Doubles = np.zeros(values)
        self.squares = 0.0
        self.rows: Floats = np.zeros((0, values), np.float32)
        self.dropped = 0.0
        self._taken = 0
        self._waiting: list[Pixels | Floats] = []

    def add(self, pictures: Pixels | Floats) -> None:
        """Add pictures (N, H, W, C) with H * W * C = `values`; those that fill no chunk wait, as a copy."""
        self.count += len(pictures)
        waiting = sum(map(len, self._waiting))
        start = 0
        while waiting + len(pictures) - start >= self.length:
            stop = start + self.length - waiting
            self._compress([*self._waiting, pictures[start:stop]])
            self._waiting, waiting, start = [], 0, stop
        if start < len(pictures):
            self._waiting.append(pictures[start:].copy())

    def flush(self) -> None:
        """Take in what waits."""
        if self._waiting:
            self._compress(self._waiting)
            self._waiting = []

    def _compress(self, parts: list[Pixels | Floats]) -> None:
        from scipy import linalg

        chunk = np.concatenate([centre(part).reshape(-1, self.values) for part in parts])
        known, new = self._taken, len(chunk)
        mean = chunk.mean(axis=0, dtype=np.float64)
        own = chunk - mean.astype(np.float32)
        self.squares += float(np.einsum("nd,nd->n", own, own).sum(dtype=np.float64))
        apart = np.sqrt(known * new / (known + new)) * (mean - self.mean)
        self.squares += float(apart @ apart)
        self.mean = self.mean + (mean - self.mean) * (new / (known + new))
        self._taken = known + new
        stacked = np.concatenate([self.rows, own, apart[None].astype(np.float32)])
        del own, chunk
        variances, left = linalg.eigh(_gram(stacked), check_finite=False)
        variances, left = variances[::-1], left[:, ::-1]
        self.rows = left[:, : self.length].T.astype(np.float32) @ stacked
        self.dropped += float(np.maximum(variances[self.length : self.length + self.code_size], 0.0).sum())


def of_sketch(sketch: Sketch, k: int) -> Subspace:
    """The k leading principal components of what was added, as near as the sketch knows them.

    Raises:
        OptionError: k is more than the sketch was begun for.
    """
    from scipy import linalg

    if k > sketch.code_size:
        raise OptionError(f"code size is {k} after parts that were added for {sketch.code_size}; add them anew")
    sketch.flush()
    freedom = max(sketch.count - 1, 1)
    variances, left = linalg.eigh(_gram(sketch.rows), check_finite=False)
    variances, left = np.maximum(variances[::-1][:k], 0.0), left[:, ::-1][:, :k]
    components = linalg.qr(sketch.rows.T.astype(np.float64) @ left, mode="economic", check_finite=False)[0]
    captured = float(variances.sum())
    excess = excess_of(captured, captured + sketch.dropped, sketch.squares)
    return Subspace(
        with_fixed_signs(components.T),
        sketch.mean,
        variances / freedom,
        sketch.squares / freedom,
        Approximation(1, excess),
    )


def _gram(rows: Floats) -> Doubles:
    """Products of rows in float32, summed in float64."""
    gram = np.zeros((len(rows), len(rows)))
    for start in range(0, rows.shape[1], CHUNK):
        columns = rows[:, start : start + CHUNK]
        gram += columns @ columns.T
    return gram
