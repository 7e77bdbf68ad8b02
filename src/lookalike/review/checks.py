"""What may be wrong with a picture: one entry for each check, from a measure in its own unit to a score of 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookalike.gallery.columns import SCORES
from lookalike.pixels import Floats
from lookalike.review.looks import Look
from lookalike.review.sharpness import blur_of

BAD = 0.5
"""The score from which a picture counts as bad, in every check."""
RULES = 1
"""Raised when the same picture would get other scores, so that scores that were kept are made anew."""

POOL, BLOCK = 4, 16
"""Pixels of a side that are averaged against noise, and of the blocks that show something or not."""
SHOWS = 0.02
"""Standard deviation of a block's luma from which it shows something, where there is no noise."""
OVER_NOISE = 1.5
"""Times what noise alone would give; of the 16 numbers of a block, it is off by 18%."""
GRID = 8
"""Pixels of a side of JPEG's blocks."""
STEP = 0.06
"""Larger steps of luma are edges of things, and count as this much."""


@dataclass(frozen=True)
class Check:
    """One thing that may be wrong.

    Attributes:
        name: of the gallery's column.
        unit: of the measure.
        limit: the measure at which the score is `BAD`, see docs/review.md for how it was chosen.
        steep: how fast the score goes from 0 to 1 around the limit; negative where a small measure is bad.
        measure: of a picture; None where it cannot be judged, which counts as fine. Where there is no function, the
            picture is measured by the folder's others.
    """

    name: str
    unit: str
    limit: float
    steep: float
    measure: Callable[[Look], float | None] | None

    @property
    def about(self) -> str:
        """What a score says, as the gallery's column declares it."""
        return next(score.about for score in SCORES if score.name == self.name)

    def score(self, measured: float | None) -> float:
        """m^p / (m^p + limit^p), p = steep: from 0, fine, to 1, bad, and `BAD` at the limit."""
        if measured is None:
            return 0.0
        if measured <= 0:
            return 0.0 if self.steep > 0 else 1.0
        # by its logarithm, which does not overflow
        return float(1 / (1 + np.exp(np.clip(self.steep * np.log(self.limit / measured), -700, 700))))


def scores_of(look: Look) -> dict[str, float]:
    """The scores that a picture has whatever the folder's others are, by the names of the checks."""
    return {name: check.score(check.measure(look)) for name, check in CHECKS.items() if check.measure is not None}


def odd_sizes(heights: Sequence[int], widths: Sequence[int]) -> npt.NDArray[np.float64]:
    """The scores of all pictures of a folder for `odd_size`.

    Measured is how many times larger or smaller, in doublings of the side, a picture is than the median, against three
    robust deviations of the folder or one doubling, whichever is more.
    """
    doublings = (np.log2(np.asarray(heights, np.float64)) + np.log2(np.asarray(widths, np.float64))) / 2
    if not len(doublings):
        return doublings
    apart = np.abs(doublings - np.median(doublings))
    measured = apart / max(1.0, 3 * 1.4826 * float(np.median(apart)))
    return np.array([CHECKS["odd_size"].score(float(one)) for one in measured])


def _blur(look: Look) -> float | None:
    return blur_of(look.grey, look.grey_noise)


def _brightness(look: Look) -> float:
    """Luma that a tenth of the picture exceeds."""
    return look.levels.nine_tenths


def _darkness(look: Look) -> float:
    """How far below white the luma lies that a quarter of the picture falls short of."""
    return 1 - look.levels.quarter


def _contrast(look: Look) -> float:
    """From the luma that 5% fall short of to that which 5% exceed."""
    return look.levels.nineteen_twentieths - look.levels.twentieth


def _shown(look: Look) -> float:
    """The share of blocks that show something beyond noise."""
    pooled = _pooled(look.grey, POOL)
    blocks = _cells(pooled, BLOCK // POOL)
    noise = OVER_NOISE * look.grey_noise / POOL
    return float((blocks.std(axis=(1, 3)) > np.hypot(SHOWS, noise)).mean())


def _aspect(look: Look) -> float:
    """The longer side by the shorter."""
    return max(look.height, look.width) / min(look.height, look.width)


def _colour(look: Look) -> float:
    """Colour that 1% of the picture exceeds: the largest difference of its channels, averaged against noise."""
    channels = np.stack([_pooled(look.small[..., channel], POOL) for channel in range(3)])
    return float(np.percentile(channels.max(axis=0) - channels.min(axis=0), 99))


def _noise(look: Look) -> float:
    return 255 * look.noise


def _blocks(look: Look) -> float:
    """By how much steps on lines 8 pixels apart are larger than those beside them; the geometric mean of both axes."""
    down, across = (max(_grid_step(grey), 0.0) for grey in (look.piece, look.piece.T))
    return float(255 * np.sqrt(down * across))


def _grid_step(grey: Floats) -> float:
    """Down the rows: the mean size of steps on the likeliest lines of a grid, beyond that on all others."""
    if len(grey) < 4 * GRID:
        return 0.0
    steps = np.abs(np.diff(grey, axis=0))
    beyond = np.clip(steps[1:-1] - (steps[:-2] + steps[2:]) / 2, -STEP, STEP).mean(axis=1)
    lines = beyond[: len(beyond) // GRID * GRID].reshape(-1, GRID).mean(axis=0)
    ordered = np.sort(lines)
    return float(ordered[-1] - ordered[:-1].mean())


def _pooled(values: Floats, side: int) -> Floats:
    """Means over squares of that side."""
    means: Floats = _cells(values, side).mean(axis=(1, 3))
    return means


def _cells(values: Floats, side: int) -> Floats:
    """(h, w) as (rows, side, columns, side), what is left over at the ends left out; an axis too short is one cell."""
    (height, tall), (width, wide) = ((max(n // side, 1), side if n >= side else n) for n in values.shape)
    return values[: height * tall, : width * wide].reshape(height, tall, width, wide)


CHECKS: dict[str, Check] = {
    check.name: check
    for check in (
        Check("blur", "pixels of a Gaussian's standard deviation, at 512 of the longer side", 0.9, 3, _blur),
        Check("dark", "luma, 0 to 1", 0.34, -5, _brightness),
        Check("bright", "below white, 0 to 1", 0.38, -5, _darkness),
        Check("low_contrast", "luma, 0 to 1", 0.28, -5, _contrast),
        Check("empty", "share of blocks", 0.05, -2, _shown),
        Check("odd_aspect", "longer side by shorter", 3.0, 5, _aspect),
        Check("odd_size", "three deviations, or a doubling of the side", 1.0, 5, None),
        Check("grey", "difference of channels, 0 to 1", 0.04, -3, _colour),
        Check("noisy", "standard deviation, of 255", 9.0, 4, _noise),
        Check("jpeg_blocks", "step, of 255", 1.65, 4, _blocks),
    )
}
"""By name, in the order of the gallery's columns."""
