"""The estimate of a picture's noise, against scikit-image's and against noise that is known."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.restoration import estimate_sigma

from lookalike.noise.estimation import noise_sigma
from pictures import waves


@pytest.mark.parametrize("shape", [(64, 33, 3), (31, 64, 1), (3, 5, 3)])
def test_it_is_that_of_scikit_image(shape: tuple[int, ...]) -> None:
    """The same coefficients in float64, up to the order of a handful of sums."""
    drawn = np.random.default_rng(0).normal(0, 0.1, shape)
    drawn[: shape[0] // 3] = 0.25  # flat, and left out
    expected = np.mean([estimate_sigma(drawn[..., channel]) for channel in range(shape[2])])
    assert noise_sigma(drawn) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sigma", [0.01, 0.05, 0.2])
def test_known_noise_is_found(sigma: float) -> None:
    """A median of n sizes of normal numbers is off by 1.166 / sqrt(n) of itself: 1 / (2 f q), f the density at q."""
    side = 256
    clean = waves(1, side, side)[0] / 255.0
    noisy = clean + np.random.default_rng(1).normal(0, sigma, clean.shape)
    spread = 1.166 / (side / 2)  # of one channel's (side / 2)^2 coefficients
    assert noise_sigma(noisy.astype(np.float32)) == pytest.approx(sigma, rel=4 * spread)


def test_what_is_flat_has_none_where_flat_counts() -> None:
    drawing = np.zeros((128, 128, 3), np.float32)
    drawing[:40] = np.random.default_rng(3).normal(0, 0.1, (40, 128, 3))
    assert noise_sigma(drawing) == pytest.approx(0.1, rel=0.1)
    assert noise_sigma(drawing, flat_counts=True) == 0
