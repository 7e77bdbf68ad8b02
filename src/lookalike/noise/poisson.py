"""Shot noise: light comes in photons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookalike.noise.base import Floats, OneNumber


@dataclass(frozen=True)
class Poisson(OneNumber):
    """Count photons: each value becomes a Poisson count over `photons`, the mean count at full white.

    On the scale from black 0 to white 1 the mean stays and the variance is value / photons. What is below black
    (which only an earlier corruption brings about) counts as black; above white nothing is clipped.
    """

    name: ClassVar[str] = "poisson"
    quantity: ClassVar[str] = "photons at full white"
    most: ClassVar[float] = 1e6
    example: ClassVar[str] = "poisson:100"
    default: ClassVar[float] = 100.0
    """At full white as much noise as gaussian:0.1."""

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the picture in photons, float32 (H, W, C)."""
        photons = max(self.draw(generator), 1e-9)  # a blind range may begin at 0
        light = np.maximum(picture.astype(np.float64) + 0.5, 0)
        counted: Floats = (generator.poisson(light * photons) / photons - 0.5).astype(np.float32)
        return counted
