"""The estimate of a picture's noise, against scikit-image's and against noise that is known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage.restoration import estimate_sigma

from lookalike.noise.estimation import noise_level, noise_sigma
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


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("sigma", [2.0, 15.0, 50.0])
def test_the_level_is_found_beneath_texture(sigma: float, channels: int) -> None:
    """Where the finest wavelet coefficients hold texture as well as noise, patches still have directions without."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[:160, :200]
    stripes = 60 * np.sin(2.3 * x + 1.7 * y)[..., None] * np.linspace(0.5, 1, channels)
    clean = 128 + stripes + 20 * np.sin(x / 30)[..., None]
    noisy = clean + generator.normal(0, sigma, clean.shape)
    # Of 30,000 patches of 25 to 75 numbers, variances are off by some sqrt(2 / 30,000), and by what texture leaves.
    assert noise_level(noisy) == pytest.approx(sigma, rel=0.03)
    assert noise_level(noisy.astype(np.float32) / 255) == pytest.approx(sigma / 255, rel=0.03)
    assert noise_sigma(noisy) > 1.1 * sigma


def test_the_level_of_whole_numbers_is_on_their_scale() -> None:
    drawn = np.random.default_rng(1).normal(0, 900, (120, 90, 3))
    deep = np.clip(np.rint(30_000 + drawn), 0, 65_535).astype(np.uint16)
    assert noise_level(deep) == pytest.approx(900, rel=0.03)
    assert noise_level(np.full((64, 64, 3), 7, np.uint8)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(4, 300, 3), (1, 1, 1), (12, 12, 3)])
def test_few_patches_are_judged_by_their_wavelets(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    assert noise_level(picture) == noise_sigma(picture.astype(np.float64))


def test_of_lossy_files_what_is_left_in_each_channel_counts() -> None:
    """A JPEG's colours at half the resolution have directions without noise, by which there would be none at all."""
    generator = np.random.default_rng(4)
    clean = np.full((160, 160, 3), 120.0)
    stream = io.BytesIO()
    noisy = np.clip(clean + generator.normal(0, 20, clean.shape), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(stream, "JPEG", quality=95)
    read = np.asarray(Image.open(stream))
    left = float(np.sqrt(np.mean((read - clean) ** 2)))
    assert noise_level(read, is_lossy=True) == pytest.approx(left, rel=0.15)
    assert noise_level(read) < 0.5 * left


def test_large_pictures_are_judged_by_bands() -> None:
    picture = np.random.default_rng(5).normal(0, 3, (300, 16_000, 1))
    picture[100:150] = 0
    assert noise_level(picture, is_lossy=True) == pytest.approx(3, rel=0.02)
