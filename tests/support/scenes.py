"""Pictures with much to see in them, of which each looks like no other."""

from __future__ import annotations

import numpy as np


def scenes(count: int, seed: int, side: int = 96) -> np.ndarray:
    """Pictures (count, side, side, 3) uint8 of forty ellipses each, large ones first."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    pictures = np.empty((count, side, side, 3), np.uint8)
    for picture in pictures:
        picture[:] = generator.integers(0, 256, 3)
        for size in np.geomspace(0.4, 0.04, 40):
            cx, cy, ratio = *generator.random(2), generator.uniform(0.5, 2)
            inside = ((x - cx) / ratio) ** 2 + ((y - cy) * ratio) ** 2 < size**2
            picture[inside] = generator.integers(0, 256, 3)
    return pictures
