"""Gaussian blur."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookalike.noise.base import Floats, OneNumber


@dataclass(frozen=True)
class Blur(OneNumber):
    """Blur with a Gaussian of standard deviation sigma in pixels, cut at 4 sigma; the picture is mirrored at its edges.

    Nothing in it is random unless sigma is a blind range.
    """

    name: ClassVar[str] = "blur"
    quantity: ClassVar[str] = "sigma in pixels"
    most: ClassVar[float] = 100.0
    example: ClassVar[str] = "blur:1.5"
    default: ClassVar[float] = 1.0

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the blurred picture, float32 (H, W, C)."""
        from scipy import ndimage

        sigma = max(self.draw(generator), 1e-3)  # a blind range may begin at 0; so little blurs nothing
        rows: Floats = ndimage.gaussian_filter1d(picture, sigma, axis=0, mode="reflect")
        blurred: Floats = ndimage.gaussian_filter1d(rows, sigma, axis=1, mode="reflect")
        return blurred
