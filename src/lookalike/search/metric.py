"""What "near" means: a transform of codes after which plain Euclidean distance is meant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError, SearchError
from lookalike.search.lookup import fingerprints

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
State = dict[str, npt.NDArray[np.float64]]

FLOOR = 1e-6
"""Least variance that a principal axis is scaled by, as a share of the largest axis's. An axis below it, a thousandth
of the largest in standard deviation, holds rounding or nothing at all; scaled to unit variance it would drown the
others as soon as a new code strays along it."""
CODE_BITS, AXIS_BITS = 22, 20
"""Bits of centred codes and of axes in a rotation. Products of such numbers, and the sums of up to 2,048 of them, are
exact in float64, so that a code comes to the same bits alone and in any batch, whatever order they are added in."""
CHUNK = 1 << 16
"""Codes that are taken to float64 at once."""


class Metric(ABC):
    """A transform of codes after which plain Euclidean distance is meant; made by `make_metric`."""

    name: ClassVar[str]

    def fit(self, codes: npt.ArrayLike) -> Self:
        """Learn from float32 (N, K) codes what the metric needs; returns self."""
        return self

    @abstractmethod
    def transform(self, codes: npt.ArrayLike) -> Floats:
        """(N, K) codes -> float32 (N, K), C-contiguous; the same bits for the same code in every batch."""

    def distances(self, squared: npt.ArrayLike) -> Floats:
        """Squared Euclidean distances after `transform` -> the distances that are reported, of the same shape."""
        return np.sqrt(np.asarray(squared, np.float32))

    def state(self) -> State:
        """What was learned, as arrays by name; empty where nothing is."""
        return {}

    @classmethod
    def from_state(cls, name: str, state: State) -> Metric:
        """The metric of that name with what it had learned.

        Raises:
            OptionError: the name is unknown.
            SearchError: the state is not one of this metric.
        """
        metric = make_metric(name)
        metric._restore(state)
        return metric

    def _restore(self, state: State) -> None:
        if state:
            raise SearchError(f"the metric {self.name} learns nothing, but {', '.join(state)} was kept of it")


class Euclidean(Metric):
    """Codes as they are."""

    name = "euclidean"

    def transform(self, codes: npt.ArrayLike) -> Floats:
        """The codes themselves, copied only where their type or layout asks for it."""
        return np.ascontiguousarray(codes, np.float32)


class Cosine(Metric):
    """Codes of unit length, so that only their direction counts; a code of zeros stays zeros."""

    name = "cosine"

    def transform(self, codes: npt.ArrayLike) -> Floats:
        """Codes divided by their length."""
        return unit_length(np.asarray(codes, np.float32))

    def distances(self, squared: npt.ArrayLike) -> Floats:
        """1 - cosine, 0 to 2: half the squared distance of two unit vectors. A code of zeros is 0.5 from all others."""
        return np.asarray(squared, np.float32) / np.float32(2)


class Whitened(Metric):
    """Codes without their mean, turned to their principal axes, each axis scaled to unit variance.

    Variances along the axes are estimates, the worse the fewer codes they are of: with no more codes than numbers in a
    code, some are 0, and all codes would come to lie equally far from one another. So they are drawn towards their
    mean, by as much as so few codes ask for (`shrinkage`). Codes that are all alike are left as they are.

    Attributes after `fit`:
        mean: float64 (K,).
        axes: float64 (K, K), a principal axis a column, on a grid of 2**-20.
        scale: float64 (K,), one over the standard deviation along each axis, at least `FLOOR` of the largest variance.
        step: the grid that centred codes are rounded to, a 2**-22th of the largest centred value.
    """

    name = "whitened"

    def __init__(self) -> None:
        self.mean: Doubles | None = None

    def fit(self, codes: npt.ArrayLike) -> Self:
        """Learn mean, axes and scale of float32 (N, K) codes; of codes that are all alike, nothing."""
        given = np.asarray(codes, np.float32)
        width = given.shape[1]
        self.mean = given.mean(axis=0, dtype=np.float64) if len(given) else np.zeros(width)
        scatter, largest = np.zeros((width, width)), 0.0
        for start in range(0, len(given), CHUNK):
            centred = given[start : start + CHUNK] - self.mean
            scatter += centred.T @ centred
            largest = max(largest, float(np.abs(centred).max()))
        variances, axes = np.linalg.eigh(scatter / max(len(given) - 1, 1))
        variances, top = np.maximum(variances, 0), float(variances[-1])
        different = len(np.unique(fingerprints(given)))
        if different > 1 and top > 0:
            weight = shrinkage(variances, different)
            shrunk = (1 - weight) * variances + weight * variances.mean()
            self.scale = 1 / np.sqrt(np.maximum(shrunk, FLOOR * top))
        else:
            self.mean, axes, self.scale = np.zeros(width), np.eye(width), np.ones(width)
            largest = float(np.abs(given).max(initial=0.0))
        self.axes = np.rint(axes * 2.0**AXIS_BITS) / 2.0**AXIS_BITS
        self.step = 2.0 ** (np.ceil(np.log2(largest)) - CODE_BITS) if largest > 0 else 2.0**-CODE_BITS
        return self

    def transform(self, codes: npt.ArrayLike) -> Floats:
        """Whitened codes.

        Raises:
            SearchError: the metric was not fitted.
        """
        given = np.asarray(codes, np.float32)
        whitened = np.empty(given.shape, np.float32)
        for start in range(0, max(len(given), 1), CHUNK):
            part = slice(start, start + CHUNK)
            whitened[part] = self.turned(given[part]) * self.scale
        return whitened

    def turned(self, codes: Floats) -> Doubles:
        """Centred codes along the principal axes, float64 (N, K): sums without rounding, so the same in every batch."""
        if self.mean is None:
            raise SearchError(f"the metric {self.name} has learned nothing yet; call fit with the codes to be searched")
        on_grid = np.rint((codes - self.mean) / self.step) * self.step
        turned: Doubles = on_grid @ self.axes
        return turned

    def state(self) -> State:
        """Mean, axes, scale and step."""
        if self.mean is None:
            return {}
        return {"mean": self.mean, "axes": self.axes, "scale": self.scale, "step": np.array(self.step)}

    def _restore(self, state: State) -> None:
        if set(state) != {"mean", "axes", "scale", "step"}:
            raise SearchError(f"the metric {self.name} is kept as mean, axes, scale and step, not {', '.join(state)}")
        self.mean, self.axes, self.scale = state["mean"], state["axes"], state["scale"]
        self.step = float(state["step"])


class WhitenedCosine(Whitened):
    """The cosine of whitened codes: every principal axis has the same say in a code's direction."""

    name = "whitened-cosine"

    def transform(self, codes: npt.ArrayLike) -> Floats:
        """Whitened codes divided by their length."""
        return unit_length(super().transform(codes))

    def distances(self, squared: npt.ArrayLike) -> Floats:
        """1 - cosine, as `Cosine`."""
        return np.asarray(squared, np.float32) / np.float32(2)


_METRICS: dict[str, type[Metric]] = {kind.name: kind for kind in (Euclidean, Cosine, Whitened, WhitenedCosine)}
METRICS = tuple(_METRICS)
"""The names of all metrics."""


def make_metric(name: str) -> Metric:
    """A metric by its name, not fitted yet.

    Raises:
        OptionError: there is no such metric.
    """
    if name not in _METRICS:
        raise OptionError(f"metric {name!r} is unknown; give one of {', '.join(METRICS)}")
    return _METRICS[name]()


def shrinkage(variances: Doubles, count: int) -> float:
    """How far variances (K,) along principal axes of `count` codes are to be drawn towards their mean, 0 to 1.

    The oracle-approximating shrinkage of Chen, Wiesel, Eldar and Hero, "Shrinkage algorithms for MMSE covariance
    estimation", 2010, as `sklearn.covariance.OAS` has it: about the effective number of axes over the number of codes.
    """
    width = len(variances)
    mean = float(variances.mean())
    squares = float(np.square(variances).sum()) / width**2
    spread = (count + 1) * (squares - mean**2 / width)
    return 1.0 if spread <= 0 else min((squares + mean**2) / spread, 1.0)


def unit_length(codes: Floats) -> Floats:
    """Rows (N, K) divided by their length; rows of zeros stay so."""
    wide = codes.astype(np.float64)  # the squares of what float32 holds do not overflow here
    lengths = np.sqrt(np.einsum("nk,nk->n", wide, wide))[:, None]
    unit: Doubles = np.divide(wide, lengths, out=np.zeros_like(wide), where=lengths > 0)
    return unit.astype(np.float32)
