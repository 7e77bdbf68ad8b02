"""Small smooth pictures for tests that need no faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def waves(count: int, height: int = 32, width: int = 32, channels: int = 3, seed: int = 0) -> npt.NDArray[np.uint8]:
    """uint8 (count, height, width, channels): sums of a few random waves, so that codes have something to learn."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    pictures = np.zeros((count, height, width, channels))
    for _ in range(4):
        fy, fx, phase = generator.uniform(-3, 3, (3, count, 1, 1, 1))
        amplitude = generator.normal(0, 0.2, (count, 1, 1, channels))
        pictures += amplitude * np.cos(2 * np.pi * (fy * y[..., None] + fx * x[..., None] + phase))
    return np.rint(255 * np.clip(pictures + 0.5, 0, 1)).astype(np.uint8)
