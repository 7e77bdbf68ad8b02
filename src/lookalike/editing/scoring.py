"""Whether a direction means something: scores on pictures that it was not learned from, against chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Doubles = npt.NDArray[np.float64]
Folds = npt.NDArray[np.intp]

ERRORS = 3
"""Standard errors by which a score must lie above chance."""
LEAST = 0.05
"""And by how much at least: with many pictures the slightest trace is significant, and of no use."""


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
