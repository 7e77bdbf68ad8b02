"""Finding the parts of a mixture, by the likelihood of codes it has not seen, and how many codes make a new one.

Source: Ghosh et al., "From Variational to Deterministic Autoencoders", 2020: a plain autoencoder with a Gaussian
mixture fitted to its codes draws pictures as good as a variational one's.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from copy import copy
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.pixels import Floats
from lookalike.sampling.copying import JUDGED, nearest, rank_z
from lookalike.sampling.mixture import COVARIANCES, LEAST_CODES, MOST_PARTS, Doubles, Mixture, Places

if TYPE_CHECKING:
    from sklearn.mixture import GaussianMixture

HELD_OUT = 0.1
"""Share of the codes that parts and shapes are judged by."""
CODES_A_PART = 10
CODES_A_NUMBER = 2
"""Codes that a part of any shape needs for each number of a code, or it would only learn these by heart."""
FLOOR = 1e-3
"""Added to every bell's variances, where the codes' own are 1: none shrinks onto a code or a plane."""
STEPS = 100
SETTLED = 1e-2
"""Rise of the mean log-likelihood of a code, in nats, below which a fit ends."""
TOGETHER = (3, 4, 6, 8, 16, 32, 64)
"""Codes of a part that make a new one: as few as do not copy. Put together of many, they become a bell."""
MOST_CELLS = 256
"""Parts, where they are made finer."""
FEWEST = 10
"""Codes of a part: fewer join the parts that they lie next to."""
NEARER = -1.0
"""Standard errors below which draws count as nearer to what was learned than held-out codes are."""
MOST_KEPT = 10_000
"""Codes that are drawn from at most, chosen at random."""


class _Candidate(NamedTuple):
    parts: int
    covariance: str


def fit_mixture(codes: npt.ArrayLike, parts: int | None = None, *, seed: int = 0) -> Mixture:
    """Find the parts of codes (N, K), such as those of a model's training pictures, and how to draw from them.

    A tenth of the codes is held out. Of Gaussian mixtures with parts of any shape, and with parts along the codes'
    principal axes, as many parts are taken as these held-out codes are likeliest under (1, 2, 4, ... up to 64, until
    more do not help); then all codes are fitted so, and each belongs to the part that it is likeliest of. All happens
    in codes turned and scaled to unit variance. As few codes of a part make a new one as still lie no nearer to those
    that were learned than the held-out ones do (`copying`). Then the parts are made finer, by k-means of twice as many
    cells, and again, up to 256, for as long as so many still do: what is put together then is more alike.

    Args:
        codes: 10 or more, all finite. Of more than 10,000 so many are kept to draw from.
        parts: that many; None chooses.
        seed: of what is held out, where fits begin, and what is kept.

    Raises:
        OptionError: there are too few codes, or too few for so many parts, or they hold what is not finite.
    """
    given = _checked(codes)
    space = _space_of(given)
    points = space.forth(given)
    order = np.random.default_rng(seed).permutation(len(points))
    held = max(1, round(HELD_OUT * len(points)))
    learned, unseen = order[held:], order[:held]
    _check_parts(parts, len(learned))
    chosen, likelihood = _likeliest(points[learned], points[unseen], parts, seed)
    drawn_from, judged = order[-MOST_KEPT:], learned[-MOST_KEPT:]
    held_out = _HeldOut.beside(given[judged], points[judged], given[unseen], seed)
    parting = _fitted(chosen, points, seed)
    parted = held_out.parted(parting)
    together = next((number for number in TOGETHER if held_out.allow(*parted, number)), TOGETHER[-1])
    if parts is None:
        parting = _finer(parting, together, held_out)
    kept, counts = _by_part(given[drawn_from], _parts_of(parting, points[drawn_from]))
    together = min(together, _most_together(counts))
    return Mixture(kept, counts, together, chosen.covariance, likelihood - space.log_volume, parts)


def _checked(codes: npt.ArrayLike) -> Doubles:
    given = np.asarray(codes, np.float64)
    if given.ndim != 2 or not given.shape[1]:
        raise OptionError(f"codes of shape {given.shape}; a mixture takes (N, K)")
    if len(given) < LEAST_CODES:
        raise OptionError(f"a mixture takes the codes of {LEAST_CODES} pictures or more; these are of {len(given)}")
    if not np.isfinite(given).all():
        raise OptionError(f"{int((~np.isfinite(given)).any(axis=1).sum())} codes hold values that are not finite")
    return given


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
        raise OptionError(
            f"parts is {parts}; {count:,} codes (a tenth is held out) allow 1 to {most}, or leave the number to them"
        )


def _ladders(parts: int | None, count: int, size: int) -> Iterator[list[_Candidate]]:
    """For each shape the numbers of parts to try, rising; parts of any shape need enough codes each."""
    numbers = [parts] if parts is not None else [1 << step for step in range(MOST_PARTS.bit_length())]
    for covariance in COVARIANCES:
        needed = CODES_A_PART if covariance == "diag" else max(CODES_A_PART, CODES_A_NUMBER * (size + 1))
        always = 1 if covariance == "diag" else 0
        yield [_Candidate(number, covariance) for number in numbers if number <= max(always, count // needed)]


def _likeliest(learned: Doubles, unseen: Doubles, parts: int | None, seed: int) -> tuple[_Candidate, float]:
    """How many bells, of what shape, unseen points are likeliest under, and how likely, in nats a point."""
    scores: dict[_Candidate, float] = {}
    for candidates in _ladders(parts, *learned.shape):
        best = -np.inf
        for candidate in candidates:
            scores[candidate] = float(_fitted(candidate, learned, seed).score(unseen))
            if scores[candidate] <= best:
                break
            best = scores[candidate]
    chosen = max(scores, key=lambda one: (scores[one], -one.parts))
    return chosen, scores[chosen]


class _HeldOut(NamedTuple):
    """What held-out codes say about ways to draw: the codes that are learned, and how near to these the others lie."""

    codes: Doubles
    points: Doubles
    distances: Floats
    seed: int

    @classmethod
    def beside(cls, codes: Doubles, points: Doubles, unseen: Doubles, seed: int) -> Self:
        """Of those that are learned, as they are and in their own space, and of the held-out ones."""
        distances = nearest(unseen[:JUDGED].astype(np.float32), codes.astype(np.float32)).distances
        return cls(codes, points, distances, seed)

    def parted(self, parting: GaussianMixture) -> tuple[Floats, Places]:
        """The codes that are learned, those of a part together, and how many each part has."""
        return _by_part(self.codes, _parts_of(parting, self.points))

    def allow(self, codes: Floats, counts: Places, together: int) -> bool:
        """Whether so many codes of a part make new ones that lie no nearer to what is learned than these do."""
        if together > _most_together(counts):
            return False
        drawn = Mixture(codes, counts, together, COVARIANCES[0], 0.0).draw(len(self.distances), seed=self.seed)
        return rank_z(nearest(drawn, codes).distances, self.distances) >= NEARER


def _finer(parting: GaussianMixture, together: int, held_out: _HeldOut) -> GaussianMixture:
    """The last of twice, four times, ... as many cells of which so many codes still make a new one."""
    number = 2 * len(parting.means_)
    while number <= min(MOST_CELLS, len(held_out.points) // FEWEST):
        cells = _cells(held_out.points, number, held_out.seed)
        if not held_out.allow(*held_out.parted(cells), together):
            break
        parting, number = cells, 2 * number
    return parting


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


def _cells(points: Doubles, number: int, seed: int) -> GaussianMixture:
    """Where points lie nearest to the same of so many centres (Lloyd's k-means), as bells that are all alike."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    cells = GaussianMixture(number, covariance_type="spherical")
    cells.weights_, cells.precisions_cholesky_ = np.full(number, 1 / number), np.ones(number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of points that are all alike there are fewer centres
        cells.means_ = KMeans(number, n_init=1, random_state=seed).fit(points).cluster_centers_
    return cells


def _parts_of(fit: GaussianMixture, points: Doubles) -> Places:
    """The part that each point is likeliest of, of those that so have as many points as a part needs."""
    fit = copy(fit)
    while True:
        labels = fit.predict(points)
        counts = np.bincount(labels, minlength=len(fit.means_))
        least = int(counts.argmin())
        if counts[least] >= FEWEST or len(counts) == 1:
            return np.asarray(labels, np.int64)
        for name in ("weights_", "means_", "precisions_cholesky_"):
            setattr(fit, name, np.delete(getattr(fit, name), least, axis=0))


def _by_part(codes: Doubles, labels: Places) -> tuple[Floats, Places]:
    """The codes of each part together, in float32, and how many each has."""
    return codes[np.argsort(labels, kind="stable")].astype(np.float32), np.unique(labels, return_counts=True)[1]


def _most_together(counts: Places) -> int:
    """Half of the smallest part, so that what is put together varies; three at least."""
    return max(TOGETHER[0], int(counts.min()) // 2)
