"""Salt and pepper: single pixels that fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lookalike.noise.base import Floats, OneNumber

BLACK, WHITE = np.float32(-0.5), np.float32(0.5)


@dataclass(frozen=True)
class SaltPepper(OneNumber):
    """Make each pixel black or white with the given probability, half of them each; all channels together."""

    name: ClassVar[str] = "saltpepper"
    quantity: ClassVar[str] = "the share of pixels"
    most: ClassVar[float] = 1.0
    example: ClassVar[str] = "saltpepper:0.05"

    def __call__(self, picture: Floats, generator: np.random.Generator) -> Floats:
        """Return the picture with salt and pepper, float32 (H, W, C)."""
        share = self.draw(generator)
        chance = generator.random(picture.shape[:2])
        spoilt = picture.copy()
        spoilt[chance < share] = WHITE
        spoilt[chance < share / 2] = BLACK
        return spoilt
