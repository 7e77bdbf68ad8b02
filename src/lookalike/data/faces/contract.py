"""What every detector of faces takes and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from lookalike.data.images import Pixels

Coordinates = npt.NDArray[np.float64]
"""(n, 2) of x and y in pixels; 0 is the outer edge of the first pixel, so its centre lies at 0.5."""

LEFT_EYE, RIGHT_EYE, NOSE, LEFT_MOUTH, RIGHT_MOUTH = range(5)
"""The five points, left and right as seen on the picture of an upright face."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photo: where it is, in pixels of that photo, and how sure its detector is.

    `box` is (left, top, right, bottom), and may reach beyond the photo; `points` (5, 2) float64 the eyes, the nose's
    tip and the corners of the mouth; `score` 0 to 1.
    """

    box: tuple[float, float, float, float]
    points: Coordinates
    score: float

    @property
    def angle(self) -> float:
        """Degrees by which the face is turned clockwise from upright, over -180 to 180, by the line of its eyes."""
        x, y = self.points[RIGHT_EYE] - self.points[LEFT_EYE]
        return math.degrees(math.atan2(y, x))

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        left, top, right, bottom = self.box
        return max(right - left, 0.0) * max(bottom - top, 0.0)

    def scaled(self, factor: float) -> Face:
        """The same face in a photo `factor` times as large."""
        left, top, right, bottom = (factor * side for side in self.box)
        return Face((left, top, right, bottom), self.points * factor, self.score)


class Detector(Protocol):
    """Finds upright faces, from several threads at once.

    `name` tells what finds them, with a digest where that is a file: equal names find the same. `sure` is the score
    from which a find counts on a photo that may be the wrong way up, where most of what looks like a face is none.
    """

    name: str
    sure: float

    def __call__(self, photo: Pixels) -> list[Face]:
        """Every face of a photo (H, W, 3) uint8 RGB, in any order; none is [] and no error."""
        ...
