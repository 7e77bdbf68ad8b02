"""A black rectangle over a part of the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookalike.noise.base import Floats, OneNumber

BLACK = np.float32(-0.5)
LARGEST_STRETCH = 2.0
"""How far the rectangle's aspect may go from the picture's own, either way."""


@dataclass(frozen=True)
class Occlude(OneNumber):
    """Cover a share of each picture's area with one black rectangle.

    The rectangle's aspect is drawn between half and twice the picture's own (evenly on a logarithmic scale, as far as
    the rectangle fits in), then its place evenly among all where it lies inside. Its sides are whole pixels: the height
    is rounded, and the width then brings the area as near to the share as it can.
    """

    name: ClassVar[str] = "occlude"
    quantity: ClassVar[str] = "the covered share"
    most: ClassVar[float] = 1.0
    example: ClassVar[str] = "occlude:0.25"

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the covered picture, float32 (H, W, C)."""
        share = self.draw(generator)
        height, width, _ = picture.shape
        # As a fraction of the picture's height: one that leaves the width, share / fraction, within the picture.
        least = max(share, math.sqrt(share / LARGEST_STRETCH))
        most = min(1.0, math.sqrt(share * LARGEST_STRETCH))
        fraction = least * (most / least) ** generator.random() if least > 0 else 0.0
        tall = min(max(round(fraction * height), 1), height)
        wide = min(max(round(share * height * width / tall), 1), width)
        top = int(generator.integers(height - tall + 1))
        left = int(generator.integers(width - wide + 1))
        covered = picture.copy()
        covered[top : top + tall, left : left + wide] = BLACK
        return covered
