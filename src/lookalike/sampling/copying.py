"""Does it only copy? Whether new codes lie nearer to those of the training than pictures do that nobody trained on."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.errors import OptionError
from lookalike.pixels import Floats
from lookalike.search.index import index_class

JUDGED = 2000
"""Draws that are tested, at most; and at most as many as there are codes of unseen pictures beside them."""
COPIES_BELOW = -3.0
"""Standard errors; the authors of the test call -5 certain, and -3 what to look into."""


class Found(NamedTuple):
    """The nearest of some codes for each of others: places int64 (N,), distances float32 (N,)."""

    places: npt.NDArray[np.int64]
    distances: Floats


class Copying(NamedTuple):
    """How far codes that were drawn lie from those of the training, and how far test pictures' codes do.

    Attributes:
        drawn: how many were drawn.
        drawn_distance: the median of their distances from the nearest training code.
        test: how many test pictures' codes stand beside them.
        test_distance: the median of theirs.
        z: how the ranks of the drawn ones' distances stand to those of the test pictures', in standard errors: below 0
            they lie nearer to the training.
        copies: whether `z` is below -3; None where there are too few of both for it to come below that.
    """

    drawn: int
    drawn_distance: float
    test: int
    test_distance: float
    z: float
    copies: bool | None

    def told(self) -> str:
        """One line for a person."""
        answers = {True: "it copies the training", False: "no sign of copying", None: "too few to tell copies"}
        return (
            f"nearest training code: {self.drawn_distance:.3g} from {self.drawn:,} drawn ones (median), "
            f"{self.test_distance:.3g} from {self.test:,} test pictures; {answers[self.copies]} (z = {self.z:+.1f})"
        )


def copying(drawn: Floats, train: Floats, test: Floats) -> Copying:
    """Test whether drawn codes are copies of the training: float32 (N, K) three times.

    Source: Meehan, Chaudhuri and Dasgupta, "A Non-Parametric Test to Detect Data-Copying in Generative Models", 2020:
    the Mann-Whitney statistic of the distances to the nearest training code, here without its cells. Codes are compared
    as they are, by Euclidean distance. Draw without truncation: what is drawn towards the middle of a part is nearer to
    everything, and copies nothing.

    Raises:
        OptionError: one of the sets is empty.
    """
    if not (len(drawn) and len(train) and len(test)):
        raise OptionError(f"{len(drawn)} drawn, {len(train)} training and {len(test)} test codes; each needs 1 or more")
    ours, theirs = (nearest(codes, train).distances for codes in (drawn, test))
    z = rank_z(ours, theirs)
    m, n = len(ours), len(theirs)
    lowest = -math.sqrt(3 * m * n / (m + n + 1))  # where every drawn one is nearer than all others
    copies = z < COPIES_BELOW if lowest < COPIES_BELOW else None
    return Copying(m, float(np.median(ours)), n, float(np.median(theirs)), z, copies)


def nearest(codes: Floats, among: Floats) -> Found:
    """The nearest of codes (N, K), Euclidean, for each of others (n, K)."""
    found = index_class("exact")().fit(among).query(np.asarray(codes, np.float32), 1)
    return Found(found.ids[:, 0], found.distances[:, 0])


def rank_z(values: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> float:
    """Mann and Whitney's U as a normal deviate, ties shared: below 0 where `values` tend to be less than `others`."""
    from scipy.stats import rankdata

    m, n = len(values), len(others)
    ranks = rankdata(np.concatenate([values, others]))
    u = ranks[:m].sum() - m * (m + 1) / 2
    _, counts = np.unique(ranks, return_counts=True)
    ties = float((counts.astype(float) ** 3 - counts).sum()) / ((m + n) * max(m + n - 1, 1))
    variance = m * n / 12 * (m + n + 1 - ties)
    return float((u - m * n / 2) / math.sqrt(variance)) if variance > 0 else 0.0
