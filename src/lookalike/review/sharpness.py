"""How far the sharpest part of a picture is blurred, in pixels, with its noise taken out of the account.

An edge of contrast c that is blurred by a Gaussian of s pixels, smoothed by one of a, has the gradient energy
c^2 / (2 sqrt(pi (s^2 + a^2))) for each pixel of its length. The ratio of the energies at two smoothings a < b is
therefore r = sqrt((s^2 + b^2) / (s^2 + a^2)) whatever the contrast, and s follows from it. (The ratio of gradients
before and after a blur, of Zhuo and Sim, Defocus map estimation from a single image, 2011; by energies over blocks, so
that the mean energy of the noise, which is known, can be taken out.)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lookalike.noise.estimation import noise_sigma
from lookalike.pixels import Floats

CONTRAST = 50.0
"""The standard deviation of luma, in levels of 255, at which pictures are compared."""
LEAST_VARIANCE = 0.25
"""Of luma, square levels: what varies by less shows nothing but rounding."""
FINE, COARSE = 1.0, 2.0
"""The two smoothings a and b, in pixels."""
BLOCK = 24
"""Pixels of a side of the blocks that are judged one by one."""
STRONG = 0.3
"""A block has an edge where its energy, coarsely smoothed, is this share of that of the strongest edges (the 98th of a
hundred): weak ones are mostly texture, which no blur makes look like a blurred edge."""
OVER_NOISE = 4.0
"""Standard deviations of the noise's energy by which an edge must be above it."""
ROUNDING = 0.3 / 255
"""Noise that rounding to 8 bits leaves at least."""
SHARPEST = 0.25
"""The share of the blocks with edges that is the sharpest part."""
LEAST_BLOCKS = 4
"""Blocks of that part at least, so that one speck of dust is no sharp picture."""
MOST = 12.0
"""Pixels of blur beyond which none is told from another."""


def sharpness(grey: Floats) -> float:
    """How steep luma (h, w), 0 to 255, rises and falls, a picture's longer side taken for the unit: 0 or more.

    The root of the mean square slope, from which the share of the noise is taken off, times the root of the longer
    side's pixels, as it were if luma varied by `CONTRAST`: to choose among copies of one picture, of any sizes, and
    however they were lit or coloured. It falls where one was blurred, or made smaller and large again; `blur_of` tells
    how blurred a picture is by itself.
    """
    if min(grey.shape) < 3:
        return 0.0
    across = (grey[1:-1, 2:] - grey[1:-1, :-2]) / 2
    down = (grey[2:, 1:-1] - grey[:-2, 1:-1]) / 2
    energy = float(np.square(across).mean() + np.square(down).mean())
    # Each slope is half the difference of two values: its variance is half that of the noise, and there are two.
    noise = noise_sigma(grey[..., None], flat_counts=True) ** 2
    left, varies = max(energy - noise, 0.0), float(grey.var(dtype=np.float64)) - noise
    return CONTRAST * math.sqrt(left / varies * max(grey.shape)) if varies > LEAST_VARIANCE else 0.0


class _Energy(NamedTuple):
    """Mean gradient energies of blocks, fine and coarse, of edges of each of four directions: (blocks, 4)."""

    fine: npt.NDArray[np.float64]
    coarse: npt.NDArray[np.float64]
    counts: npt.NDArray[np.float64]


def blur_of(grey: Floats, noise: float) -> float | None:
    """The blur of the sharpest part, the standard deviation of a Gaussian in pixels; None where nothing has edges.

    Edges that run one way may be blurred and others not, as a moving camera blurs: of the four directions of edges
    the second most blurred one counts (a camera's blur reaches two of them; one alone may be of soft things).

    Args:
        grey: luma (h, w) in 0 to 1.
        noise: its standard deviation.
    """
    energy = _energies(grey)
    noises = [_noise_energy(max(noise, ROUNDING), sigma) for sigma in (FINE, COARSE)]
    fine, coarse = energy.fine - noises[0], energy.coarse - noises[1]
    is_judged = energy.counts >= BLOCK
    if not is_judged.any():
        return None
    # the energy of n pixels of smooth noise varies as that of about n / (4 pi b^2) independent ones
    apart = np.maximum(energy.counts / (4 * math.pi * COARSE**2), 1.0)
    floor = STRONG * np.percentile(coarse[is_judged], 98) + OVER_NOISE * noises[1] / np.sqrt(apart)
    blurs = []
    for way in range(4):
        shows = is_judged[:, way] & (coarse[:, way] > floor[:, way])
        if shows.sum() >= LEAST_BLOCKS:
            found = np.sort(_blur_from(np.maximum(fine[shows, way], 0) / coarse[shows, way]))
            blurs.append(float(found[max(math.ceil(SHARPEST * len(found)), LEAST_BLOCKS) - 1]))
    return sorted(blurs)[len(blurs) // 2] if blurs else None


def _blur_from(ratio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    squares = ratio**2
    with np.errstate(divide="ignore", invalid="ignore"):
        found = (COARSE**2 - squares * FINE**2) / (squares - 1)
    found = np.where(squares > 1, found, MOST**2)
    return np.sqrt(np.clip(found, 0, MOST**2))


def _noise_energy(noise: float, sigma: float) -> float:
    """Mean square of the gradient of smoothed white noise: noise^2 / (8 pi sigma^4) of each of both derivatives."""
    return noise**2 / (4 * math.pi * sigma**4)


def _energies(grey: Floats) -> _Energy:
    from scipy import ndimage

    gradients = {}
    for sigma in (FINE, COARSE):
        smooth = ndimage.gaussian_filter(grey, sigma, mode="nearest", truncate=3.0)
        gradients[sigma] = _gradient(smooth)
    y, x = gradients[COARSE]
    way = _direction(y, x)
    rows, columns = (np.arange(side) // BLOCK for side in grey.shape)
    across = int(columns[-1]) + 1
    bins = ((rows[:, None] * across + columns) * 4 + way).ravel()
    total = 4 * across * (int(rows[-1]) + 1)
    counts = np.bincount(bins, minlength=total).astype(np.float64)
    fine, coarse = (
        np.bincount(bins, (gy * gy + gx * gx).ravel(), total) / np.maximum(counts, 1) for gy, gx in gradients.values()
    )
    return _Energy(fine.reshape(-1, 4), coarse.reshape(-1, 4), counts.reshape(-1, 4))


def _gradient(smooth: Floats) -> tuple[Floats, Floats]:
    """Central differences, down and across."""
    ends = np.pad(smooth, 1, mode="edge")
    y: Floats = np.float32(0.5) * (ends[2:, 1:-1] - ends[:-2, 1:-1])
    x: Floats = np.float32(0.5) * (ends[1:-1, 2:] - ends[1:-1, :-2])
    return y, x


def _direction(y: Floats, x: Floats) -> npt.NDArray[np.int64]:
    """Of four, that of the gradient: across, along a diagonal, down, along the other diagonal."""
    steep = np.float32(math.tan(math.pi / 8))
    rows, columns = np.abs(y), np.abs(x)
    way: npt.NDArray[np.int64] = 1 + 2 * ((y > 0) != (x > 0)).astype(np.int64)
    np.copyto(way, 2, where=columns < steep * rows)  # quicker than choosing between whole arrays
    np.copyto(way, 0, where=rows < steep * columns)
    return way
