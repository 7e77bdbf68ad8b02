"""How much noise a picture has, from the picture alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lookalike.pixels import Floats

HIGH = (-0.48296291314453416, 0.8365163037378079, -0.2241438680420134, -0.12940952255126037)
"""The high-pass filter of Daubechies' wavelet of two vanishing moments (Ten Lectures on Wavelets, 1992, table 6.1)."""
QUARTILE = 0.6744897501960817
"""Half of the standard normal distribution lies within this of 0."""
PATCH = 5
"""Side in pixels of the patches whose directions are compared."""
MOST_PATCHES = 30_000
BAND, MOST_PIXELS = 64, 1_000_000
LEAST_PATCHES = 10
"""Patches for each direction, below which their covariance says too little."""


def noise_sigma(picture: Floats, *, flat_counts: bool = False) -> float:
    """The standard deviation of the noise in a picture (H, W, C), on its own scale, meant over the channels.

    Source: Donoho and Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994, 4.2: the median size of the
    finest diagonal wavelet coefficients. Coefficients of exactly 0, as flat areas have them, are left out; 0 where all
    are. With `flat_counts` they are not: what is flat on more than half of it, as drawings are, then has no noise.
    """
    sigmas = []
    for channel in np.moveaxis(np.asarray(picture), -1, 0):
        sizes = np.abs(_high(_high(channel).T))
        sizes = sizes.ravel() if flat_counts else sizes[sizes > 0]
        sigmas.append(float(np.median(sizes)) / QUARTILE if len(sizes) else 0.0)
    return float(np.mean(sigmas))


def noise_level(picture: npt.NDArray[Any], *, is_lossy: bool = False) -> float:
    """The standard deviation of the noise in a picture (H, W, C) of any numbers, on their own scale.

    Source: Chen, Zhu and Heng, An efficient statistical method for image noise level estimation, 2015: most directions
    of small patches hold nothing but noise. Of the variances along the principal directions, the largest are left out
    until mean and median of the others are equal: that is the noise's. Up to 30,000 patches are looked at.

    Lossy compression thins out colours, and leaves directions without noise: there, as where patches are too few,
    `noise_sigma` judges, by up to a million pixels.
    """
    height, width, channels = picture.shape
    directions = PATCH * PATCH * channels
    if is_lossy or (height - PATCH) * (width - PATCH) < LEAST_PATCHES * directions or min(height, width) < PATCH:
        return noise_sigma(_bands(picture).astype(np.float64))
    step = math.ceil(math.sqrt(height * width / MOST_PATCHES))
    step += 1 - step % 2  # odd: what repeats every 2 or 8 pixels, as mosaics and JPEGs do, is met at every place
    views = np.lib.stride_tricks.sliding_window_view(picture, (PATCH, PATCH), axis=(0, 1))
    patches = views[::step, ::step].reshape(-1, directions).astype(np.float64)
    patches -= patches.mean(axis=0)
    variances = np.linalg.eigvalsh(patches.T @ patches / len(patches))
    for count in range(directions, 0, -1):
        mean = variances[:count].mean()
        if (variances[:count] > mean).sum() >= (variances[:count] < mean).sum():
            return math.sqrt(max(float(mean), 0.0))
    return 0.0


def _bands(picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Bands of a picture's rows from top to bottom, of at most a million pixels; a small picture whole."""
    height, width = picture.shape[:2]
    count = max(MOST_PIXELS // (BAND * width), 1)
    if height <= count * BAND:
        return picture
    tops = np.linspace(0, height - BAND, count).astype(int)
    return np.concatenate([picture[top : top + BAND] for top in tops])


def _high(values: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The finest coefficients along the first axis, of n values (n + 3) // 2; the ends are mirrored."""
    count = (len(values) + len(HIGH) - 1) // 2
    ends = np.pad(values, ((3, 4), (0, 0)), mode="symmetric")
    found: npt.NDArray[np.floating] = sum(
        (tap * ends[4 - at : 4 - at + 2 * count : 2] for at, tap in enumerate(HIGH)), np.zeros(1, values.dtype)
    )
    return found
