"""Directions in the space of codes, and whether they mean something: scores on what they were not learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError

ERRORS = 3
"""Standard errors by which a score must lie above chance."""
LEAST = 0.05
"""And by how much at least: with many pictures the slightest trace is significant, and of no use."""
FOLDS = 5
ROUNDING = 1e-6
"""Of the largest number in float32 codes, what their computation may be off by."""

Doubles = npt.NDArray[np.float64]
Folds = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Score:
    """How well an attribute can be told from codes that were kept out.

    Attributes:
        measure: "AUC" for two values (the chance that of two pictures, one of each kind, the right one gets more: 0.5
            is guessing, 1 is perfect), "correlation" of predicted and true values for all others (0 is guessing).
        value: the score, over all folds together.
        chance: what guessing gives.
        error: the standard error of the score under guessing, each person counted once.
    """

    measure: str
    value: float
    chance: float
    error: float

    @property
    def meaningful(self) -> bool:
        """Whether the score lies above chance by more than 3 standard errors, and by more than 0.05."""
        return self.value - self.chance > max(ERRORS * self.error, LEAST)

    def as_json(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction in the space of codes, with a unit to walk in.

    Attributes:
        name: what it is called on the command line.
        kind: "principal", "attribute" or "difference".
        vector: float64 (K,), of length 1.
        unit: how far in the space of codes an amount of 1 leads: the standard deviation of the codes along the vector;
            for a difference, the distance between the means of the two groups.
        score: how well it tells pictures apart that it was not learned from; None for principal directions.
    """

    name: str
    kind: str
    vector: Doubles
    unit: float
    score: Score | None = None

    @property
    def step(self) -> Doubles:
        """What an amount of 1 adds to a code: float64 (K,)."""
        return self.vector * self.unit

    @property
    def meaningful(self) -> bool:
        """Whether the score is above chance (see `Score`); principal directions are by what they are."""
        return self.score is None or self.score.meaningful

    def told(self) -> str:
        """One line for a person: name, score against chance, whether it means something."""
        if self.score is None:
            return f"{self.name:<24} {self.kind:<10} one unit is {self.unit:.3g}"
        verdict = "" if self.meaningful else "  no better than chance: means nothing"
        told = f"{self.score.measure} {self.score.value:.3f}, chance {self.score.chance:g} ± {self.score.error:.3f}"
        return f"{self.name:<24} {self.kind:<10} {told}{verdict}"

    def as_json(self) -> dict[str, Any]:
        """What there is to say about it, as plain JSON values; without the vector."""
        told = {"measure": None, "value": None, "chance": None, "error": None}
        if self.score is not None:
            told = self.score.as_json()
        return {"name": self.name, "kind": self.kind, "unit": self.unit, **told, "meaningful": self.meaningful}


def principal_directions(codes: npt.ArrayLike, count: int = 10) -> list[Direction]:
    """The `count` directions in which codes (N, K) differ most, first the one of most variance.

    They are the eigenvectors of the codes' covariance, "principal-1" and so on, at right angles to one another; each
    has its largest entry positive, so that the same codes give the same signs everywhere. At most min(N - 1, K) are
    given, and none along which codes differ by rounding alone: there are none of codes that are all one.

    Raises:
        OptionError: there are fewer than 2 codes, or `count` is below 1.
    """
    given = checked_codes(codes, 2)
    if count < 1:
        raise OptionError(f"count is {count}; ask for 1 direction or more")
    centred = given - given.mean(axis=0)
    _, singular, vectors = np.linalg.svd(centred, full_matrices=False)
    deviations = singular / np.sqrt(len(given) - 1)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    vectors = vectors * np.where(largest < 0, -1.0, 1.0)
    differ = int((deviations > ROUNDING * np.abs(given).max()).sum())
    most = min(count, len(given) - 1, given.shape[1], differ)
    return [Direction(f"principal-{i + 1}", "principal", vectors[i], float(deviations[i])) for i in range(most)]


def difference_direction(
    these: npt.ArrayLike, those: npt.ArrayLike, name: str = "difference", *, seed: int = 0
) -> Direction:
    """ "These minus those": from the mean of one group of codes (N, K) to the mean of another (M, K).

    An amount of 1 makes the mean of `those` into the mean of `these`. The score is the AUC of telling the groups apart
    along the difference of the means of four fifths of each, on the last fifth, five times over; groups of fewer than
    7 pictures cannot be told apart beyond chance by it.

    Raises:
        OptionError: a group is empty, the codes differ in size, or both groups have the same mean.
    """
    first, second = checked_codes(these, 1), checked_codes(those, 1)
    if first.shape[1] != second.shape[1]:
        raise OptionError(f"codes of {first.shape[1]} and of {second.shape[1]} numbers; encode both with one model")
    difference = first.mean(axis=0) - second.mean(axis=0)
    distance = float(np.linalg.norm(difference))
    if distance == 0:
        raise OptionError(
            "both groups have the same mean code, so nothing leads from one to the other; give two groups"
        )
    return Direction(name, "difference", difference / distance, distance, _told_apart(first, second, seed))


def checked_codes(codes: npt.ArrayLike, least: int) -> Doubles:
    """Codes as float64 (N, K), at least `least` and all finite; OptionError otherwise."""
    given = np.asarray(codes, np.float64)
    if given.ndim != 2 or len(given) < least or given.shape[1] < 1:
        raise OptionError(f"codes of shape {given.shape}; give (N, K) with N of {least} or more")
    if not np.isfinite(given).all():
        raise OptionError("the codes hold values that are not finite; encode the pictures again")
    return given


def _told_apart(first: Doubles, second: Doubles, seed: int) -> Score | None:
    """The cross-validated AUC; None where a group has one picture only."""
    if min(len(first), len(second)) < 2:
        return None
    codes = np.concatenate([first, second])
    truth = np.repeat([1.0, 0.0], [len(first), len(second)])
    # Each group is cut into folds on its own, so that both are on both sides of every cut.
    places = [folds_of(np.arange(len(group)), min(FOLDS, len(group)), seed) for group in (first, second)]
    fold = np.concatenate(places)
    predicted = np.empty(len(codes))
    for number in range(FOLDS):
        held, ones = fold == number, truth == 1
        if not held.any():
            continue
        means = codes[~held & ones].mean(axis=0), codes[~held & ~ones].mean(axis=0)
        axis = means[0] - means[1]
        size = float(axis @ axis) or 1.0
        predicted[held] = (codes[held] - (means[0] + means[1]) / 2) @ axis / size
    return score(predicted, truth, np.arange(len(codes)))


def numbered_groups(people: Sequence[str] | None, count: int) -> Folds:
    """A number for each of `count` pictures, equal for pictures of one person; "" is a person of its own."""
    if people is None:
        return np.arange(count)
    names = [name or f"\0{i}" for i, name in enumerate(people)]
    return np.unique(names, return_inverse=True)[1].reshape(-1)


def folds_of(groups: Folds, folds: int, seed: int) -> Folds:
    """The fold, 0 to folds - 1, of every picture: people in random order, cut into parts of about even size.

    All pictures of a group share a fold, so that nobody is on both sides.
    """
    order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
    sizes = np.bincount(groups)[order]
    middles = np.cumsum(sizes) - sizes / 2
    fold = np.empty(len(order), np.intp)
    fold[order] = np.minimum(middles * folds / len(groups), folds - 1).astype(np.intp)
    return fold[groups]


def score(predicted: Doubles, truth: Doubles, groups: Folds) -> Score:
    """Score predictions (N,) against true values (N,): by AUC where the truth has two values, else by correlation.

    The errors are those under guessing: of the Mann-Whitney statistic, sqrt((a + b + 1) / (12 a b)) with a and b the
    numbers of people who show one or the other value, and of a correlation, 1 / sqrt(n - 1) for n people.
    """
    from scipy.stats import rankdata

    values = np.unique(truth)
    if len(values) == 2:
        high = truth == values[1]
        a, b = len(np.unique(groups[high])), len(np.unique(groups[~high]))
        ranks = rankdata(predicted)
        wins = ranks[high].sum() - high.sum() * (high.sum() + 1) / 2
        return Score("AUC", float(wins / (high.sum() * (~high).sum())), 0.5, math.sqrt((a + b + 1) / (12 * a * b)))
    x, y = predicted - predicted.mean(), truth - truth.mean()
    size = math.sqrt(float(x @ x) * float(y @ y))
    people = len(np.unique(groups))
    return Score("correlation", float(x @ y) / size if size > 0 else 0.0, 0.0, 1 / math.sqrt(max(people - 1, 1)))
