"""A Gaussian mixture over codes: how many parts and of what shape, by the likelihood of codes it has not seen.

Source: Ghosh et al., "From Variational to Deterministic Autoencoders", 2020: a plain autoencoder with a mixture fitted
to its codes draws pictures as good as a variational one's.
"""

from __future__ import annotations

import operator
import warnings
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.pixels import Floats

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

Doubles = npt.NDArray[np.float64]

LEAST_CODES = 10
HELD_OUT = 0.1
"""Share of the codes that parts and shapes are judged by."""
COVARIANCES = ("full", "diag")
"""Of a part: any ellipsoid, or one along the principal axes of all codes."""
MOST_PARTS = 64
CODES_A_PART = 10
CODES_A_NUMBER = 2
"""Codes that a part of any shape needs for each number of a code, or it would only learn these by heart."""
FLOOR = 1e-3
"""Added to every part's variances, where the codes' own are 1: no part shrinks onto a code or a plane."""
STEPS = 100
SETTLED = 1e-2
"""Rise of the mean log-likelihood of a code, in nats, below which a fit ends."""
MOST_DRAWN = 100_000


@dataclass(frozen=True, eq=False)
class Mixture:
    """Bells in the space of codes: a draw takes one by its weight, then a code from it.

    Attributes:
        weights: float64 (M,): how often each part is drawn; their sum is 1.
        means: float64 (M, K): the middle of each part.
        factors: float64 (M, K, K): a code of a part is its mean plus its factor times K standard normal numbers.
        covariance: "full" or "diag" (see `COVARIANCES`).
        likelihood: mean log-likelihood, in nats, of the codes that were held out when it was chosen.
        asked: how many parts were asked for; None: as many as those codes wanted.
    """

    weights: Doubles
    means: Doubles
    factors: Doubles
    covariance: str
    likelihood: float
    asked: int | None = None

    @property
    def parts(self) -> int:
        """How many bells."""
        return len(self.weights)

    @property
    def code_size(self) -> int:
        """Numbers a code."""
        return int(self.means.shape[1])

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values: numbers as float32 in base64, since a factor of a long code has many."""
        numbers = {name: _packed(getattr(self, name)) for name in TENSORS}
        return {**numbers, "parts": self.parts, "covariance": self.covariance, "likelihood": self.likelihood}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Self:
        """What `as_json` gave."""
        parts = int(told["parts"])
        weights, means, factors = (np.frombuffer(b64decode(told[name]), "<f4").astype(np.float64) for name in TENSORS)
        size = len(means) // parts
        shaped = weights, means.reshape(parts, size), factors.reshape(parts, size, size)
        return cls(*shaped, told["covariance"], told["likelihood"])

    def told(self) -> str:
        """One line for a person."""
        shape = "of any shape" if self.covariance == "full" else "along the principal axes"
        return f"a mixture of {self.parts} part{'s' if self.parts > 1 else ''} {shape}"

    def draw(self, count: int, *, truncation: float = 1.0, seed: int = 0) -> Floats:
        """Draw codes: float32 (count, K).

        Args:
            count: 1 to 100,000.
            truncation: how far a code strays from the middle of its part, as a share of how far the mixture would have
                it, 0 to 1: at 1 codes vary as the mixture does, at 0 only the parts' means are drawn. Less is safer and
                more alike.
            seed: of all draws; the i-th code of a seed is the same whatever the count.

        Raises:
            OptionError: an argument is out of range.
        """
        from scipy.special import ndtr

        number, share = checked_count(count), checked_truncation(truncation)
        normal = np.random.default_rng(seed).normal(size=(number, 1 + self.code_size))
        borders = np.cumsum(self.weights)
        chosen = np.minimum(np.searchsorted(borders / borders[-1], ndtr(normal[:, 0]), side="right"), self.parts - 1)
        codes = np.empty((number, self.code_size))
        for part in np.unique(chosen):
            own = chosen == part
            codes[own] = self.means[part] + share * normal[own, 1:] @ self.factors[part].T
        return codes.astype(np.float32)


TENSORS = ("weights", "means", "factors")
"""The numbers of a mixture, by their names in files."""


def _packed(numbers: Doubles) -> str:
    return b64encode(numbers.astype("<f4").tobytes()).decode()


def checked_count(count: int) -> int:
    """How many to draw, as a whole number within bounds; raises `OptionError`."""
    try:
        number = operator.index(count)
    except TypeError:
        raise OptionError(f"count is {count!r}; give a whole number from 1 to {MOST_DRAWN:,}") from None
    if not 1 <= number <= MOST_DRAWN:
        raise OptionError(f"count is {number}; give 1 to {MOST_DRAWN:,}")
    return number


def checked_truncation(truncation: float) -> float:
    """How far codes may stray; raises `OptionError`."""
    if not 0 <= truncation <= 1:
        raise OptionError(f"truncation is {truncation}; give 0 (the middles alone) to 1 (all that the mixture draws)")
    return truncation


def checked_parts(asked: str) -> int | None:
    """Parts as they are typed: a number of 1 or more, or "auto" (None); raises `OptionError`."""
    if asked == "auto":
        return None
    if not asked.isdecimal() or not int(asked):
        raise OptionError(f"parts is {asked!r}; give a number of 1 to {MOST_PARTS}, or 'auto'")
    return int(asked)


class _Candidate(NamedTuple):
    parts: int
    covariance: str


def fit_mixture(codes: npt.ArrayLike, parts: int | None = None, *, seed: int = 0) -> Mixture:
    """Fit a Gaussian mixture to codes (N, K), such as those of a model's training pictures.

    A tenth of the codes is held out. Of parts of any shape, and of parts along the codes' principal axes, as many are
    taken as these held-out codes are likeliest under (1, 2, 4, ... up to 64, until more do not help); then all codes
    are fitted so. All happens in codes turned and scaled to unit variance.

    Args:
        codes: 10 or more, all finite.
        parts: that many; None chooses.
        seed: of what is held out, and where fits begin.

    Raises:
        OptionError: there are too few codes, or too few for so many parts, or they hold what is not finite.
    """
    given = np.asarray(codes, np.float64)
    if given.ndim != 2 or len(given) < LEAST_CODES or not given.shape[1]:
        raise OptionError(f"codes of shape {given.shape}; a mixture takes (N, K) of {LEAST_CODES} pictures or more")
    if not np.isfinite(given).all():
        raise OptionError(f"{int((~np.isfinite(given)).any(axis=1).sum())} codes hold values that are not finite")
    space = _space_of(given)
    points = space.forth(given)
    order = np.random.default_rng(seed).permutation(len(points))
    held = max(1, round(HELD_OUT * len(points)))
    learned, unseen = points[order[held:]], points[order[:held]]
    _check_parts(parts, len(learned))
    scores: dict[_Candidate, float] = {}
    for candidates in _ladders(parts, *learned.shape):
        best = -np.inf
        for candidate in candidates:
            scores[candidate] = float(_fitted(candidate, learned, seed).score(unseen))
            if scores[candidate] <= best:
                break
            best = scores[candidate]
    chosen = max(scores, key=lambda one: (scores[one], -one.parts))
    fit = _fitted(chosen, points, seed)
    return Mixture(
        np.asarray(fit.weights_, np.float64),
        space.back(np.asarray(fit.means_, np.float64)),
        np.stack([space.directions @ factor for factor in _factors(fit)]),
        chosen.covariance,
        scores[chosen] - space.log_volume,
        parts,
    )


class _Space(NamedTuple):
    """Codes seen so that they are uncorrelated and of unit variance."""

    mean: Doubles
    directions: Doubles
    """(K, K): the columns are the principal axes, each as long as the codes' deviation along it."""
    inverse: Doubles

    def forth(self, codes: Doubles) -> Doubles:
        points: Doubles = (codes - self.mean) @ self.inverse.T
        return points

    def back(self, points: Doubles) -> Doubles:
        codes: Doubles = points @ self.directions.T + self.mean
        return codes

    @property
    def log_volume(self) -> float:
        """Of a unit of this space: what a log-likelihood loses on its way back to codes."""
        return float(np.linalg.slogdet(self.directions).logabsdet)


def _space_of(codes: Doubles) -> _Space:
    mean = codes.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(codes, rowvar=False, ddof=0).reshape(codes.shape[1], -1))
    floor = max(float(variances[-1]) * 1e-12, np.finfo(np.float64).tiny)  # codes that never change have no variance
    deviations = np.sqrt(np.maximum(variances, floor))
    return _Space(mean, axes * deviations, (axes / deviations).T)


def _check_parts(parts: int | None, count: int) -> None:
    most = min(MOST_PARTS, max(1, count // CODES_A_PART))
    if parts is not None and not 1 <= parts <= most:
        raise OptionError(f"parts is {parts}; {count:,} codes allow 1 to {most}, or leave the number to them")


def _ladders(parts: int | None, count: int, size: int) -> Iterator[list[_Candidate]]:
    """For each shape the numbers of parts to try, rising; parts of any shape need enough codes each."""
    numbers = [parts] if parts is not None else [1 << step for step in range(MOST_PARTS.bit_length())]
    for covariance in COVARIANCES:
        needed = CODES_A_PART if covariance == "diag" else max(CODES_A_PART, CODES_A_NUMBER * (size + 1))
        always = 1 if covariance == "diag" else 0
        yield [_Candidate(number, covariance) for number in numbers if number <= max(always, count // needed)]


def _fitted(candidate: _Candidate, points: Doubles, seed: int) -> GaussianMixture:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    fit = GaussianMixture(
        candidate.parts,
        covariance_type=candidate.covariance,
        tol=SETTLED,
        reg_covar=FLOOR,
        max_iter=STEPS,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # Points that are all alike make fewer clusters to begin with; a fit that has not settled is judged as it is.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return fit.fit(points)


def _factors(fit: GaussianMixture) -> Iterator[Doubles]:
    """For each part what makes standard normal numbers its own: (K, K)."""
    for covariance in fit.covariances_:
        yield np.diag(np.sqrt(covariance)) if covariance.ndim == 1 else np.linalg.cholesky(covariance)
