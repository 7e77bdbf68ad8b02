"""Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookalike.noise.base import Floats, OneNumber


@dataclass(frozen=True)
class Gaussian(OneNumber):
    """Add zero-mean Gaussian noise of standard deviation sigma, on the scale where a picture spans 1; not clipped."""

    name: ClassVar[str] = "gaussian"
    quantity: ClassVar[str] = "sigma"
    most: ClassVar[float] = 1.0
    example: ClassVar[str] = "gaussian:0.1"

    def sigma(self, generator: np.random.Generator) -> float:
        """The standard deviation that a call with this generator gives its noise."""
        return self.draw(generator)

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the noisy picture, float32 (H, W, C)."""
        sigma = np.float32(self.draw(generator))
        noisy = generator.standard_normal(picture.shape, dtype=np.float32)
        noisy *= sigma
        noisy += picture
        return noisy
